#include "pkgjail/supervise/signals.hpp"

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"

namespace pkgjail::supervise {

namespace {

int handler_fd = -1; // the only state that a handler can reach

extern "C" void tell_loop(int number) {
    int saved = errno;
    char byte = static_cast<char>(number);
    // A full pipe is fine: the loop has enough to wake up from.
    if (::write(handler_fd, &byte, 1) < 0) {
    }
    errno = saved;
}

extern "C" void do_nothing(int) {}

void set_handler(int number, void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART | (number == SIGCHLD ? SA_NOCLDSTOP : 0);
    ::sigemptyset(&action.sa_mask);
    if (::sigaction(number, &action, nullptr) != 0)
        throw base::system_error(errno, "signal", "sigaction");
}

} // namespace

SignalPipe::SignalPipe() {
    base::Pipe pipe = base::make_pipe();
    for (const base::Fd* end : {&pipe.read_end, &pipe.write_end})
        if (::fcntl(end->get(), F_SETFL, O_NONBLOCK) != 0)
            throw base::system_error(errno, "pipe", "fcntl");
    read_end_ = std::move(pipe.read_end);
    write_end_ = std::move(pipe.write_end);
    handler_fd = write_end_.get();
    for (int number : {SIGCHLD, SIGTERM, SIGINT})
        set_handler(number, tell_loop);
    for (int number : {SIGHUP, SIGPIPE})
        set_handler(number, do_nothing);
    sigset_t none;
    ::sigemptyset(&none);
    if (::pthread_sigmask(SIG_SETMASK, &none, nullptr) != 0)
        throw base::system_error(errno, "signal", "sigmask");
}

SignalPipe::~SignalPipe() {
    for (int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGPIPE})
        static_cast<void>(::signal(number, SIG_DFL)); // fails only for numbers that do not exist
    handler_fd = -1;
}

int SignalPipe::take() noexcept {
    int asked = 0;
    char bytes[64];
    for (;;) {
        ssize_t count = ::read(read_end_.get(), bytes, sizeof bytes);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return asked;
        for (ssize_t i = 0; i < count; ++i)
            if (const int number = static_cast<unsigned char>(bytes[i]);
                number == SIGTERM || number == SIGINT)
                asked = number;
    }
}

} // namespace pkgjail::supervise
