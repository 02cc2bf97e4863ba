#include "pkgjail/ops/pause_guard.hpp"

#include <cerrno>
#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"

namespace pkgjail::ops {
namespace {

[[noreturn]] void wait_and_resume(const base::Fd& end, const std::function<void()>& resume) noexcept {
    ::setsid(); // a terminal's signals are for the command
    for (const int number : {SIGTERM, SIGHUP, SIGINT})
        static_cast<void>(std::signal(number, SIG_IGN));
    char byte = 0;
    while (::read(end.get(), &byte, 1) < 0 && errno == EINTR) {
    }
    try {
        resume();
    } catch (const std::exception&) {
        ::_exit(1); // the catalog's note tells the next command
    }
    ::_exit(0);
}

} // namespace

PauseGuard::PauseGuard(const std::function<void()>& resume) {
    base::Pipe pipe = base::make_pipe();
    pid_ = ::fork();
    if (pid_ < 0)
        throw base::system_error(errno, "the process that guards a pause", "fork");
    if (pid_ == 0) {
        pipe.write_end.reset();
        wait_and_resume(pipe.read_end, resume);
    }
    alive_ = std::move(pipe.write_end);
}

PauseGuard::~PauseGuard() {
    alive_.reset();
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

void PauseGuard::dismiss() noexcept {
    ::kill(pid_, SIGKILL);
}

} // namespace pkgjail::ops
