// Running a program to its end with its output collected.
#include "pkgjail/base/process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/error.hpp"

namespace pkgjail::base {

namespace {

constexpr std::size_t kept_of_a_stream = 1u << 20;

void make_non_blocking(const Fd& fd) {
    int flags = ::fcntl(fd.get(), F_GETFL);
    if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0)
        throw system_error(errno, "pipe", "fcntl");
}

/// Holds SIGPIPE back in this thread: a program that does not read its input to the end is no reason to die.
class NoSigpipe {
  public:
    NoSigpipe() {
        ::sigemptyset(&pipe_);
        ::sigaddset(&pipe_, SIGPIPE);
        ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
        sigset_t pending;
        ::sigpending(&pending);
        was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
    }
    NoSigpipe(const NoSigpipe&) = delete;
    NoSigpipe& operator=(const NoSigpipe&) = delete;
    ~NoSigpipe() {
        // Ours is taken away before the mask goes; one that was there before stays.
        struct timespec at_once {};
        if (!was_pending_)
            while (::sigtimedwait(&pipe_, nullptr, &at_once) < 0 && errno == EINTR) {
            }
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }

  private:
    sigset_t pipe_;
    sigset_t before_;
    bool was_pending_ = false;
};

/// Takes what is there now; closes the pipe at its end. What is beyond the kept size is read and dropped, so
/// that the program is not stopped by a full pipe.
void drain(Fd& pipe, std::string& kept) {
    std::array<char, 64u << 10> buffer;
    // Bounded: something left in the background may write as fast as we read.
    for (int round = 0; pipe && round < 64; ++round) {
        ssize_t count = ::read(pipe.get(), buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno == EAGAIN)
            return;
        if (count < 0)
            throw system_error(errno, "pipe", "read");
        if (count == 0)
            pipe.reset();
        else
            kept.append(buffer.data(),
                        std::min(static_cast<std::size_t>(count), kept_of_a_stream - kept.size()));
        if (count > 0 && static_cast<std::size_t>(count) < buffer.size())
            return;
    }
}

/// Gives what fits; closes the pipe when all is given or nobody reads it.
void feed(Fd& pipe, std::string_view& input) {
    while (pipe && !input.empty()) {
        ssize_t count = ::write(pipe.get(), input.data(), input.size());
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno == EAGAIN)
            return;
        if (count < 0 && errno == EPIPE)
            input = {};
        else if (count < 0)
            throw system_error(errno, "pipe", "write");
        else
            input.remove_prefix(static_cast<std::size_t>(count));
    }
    pipe.reset();
}

} // namespace

Output run(Command command, std::chrono::milliseconds limit, std::string_view input) {
    SteadyTime deadline = steady_now() + limit;
    Pipe in, out = make_pipe(), err = make_pipe();
    if (!input.empty()) {
        in = make_pipe();
        make_non_blocking(in.write_end);
        command.standard_input = in.read_end.get();
    }
    make_non_blocking(out.read_end);
    make_non_blocking(err.read_end);
    command.standard_output = out.write_end.get();
    command.standard_error = err.write_end.get();

    NoSigpipe no_sigpipe;
    Child child = Child::start(command);
    pid_t pid = child.pid();
    in.read_end.reset();
    out.write_end.reset();
    err.write_end.reset();

    Output output;
    std::optional<Exit> exit;
    while (!exit) {
        auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady_now());
        if (left <= std::chrono::milliseconds(0)) {
            output.timed_out = true;
            if (command.new_session)
                ::kill(-pid, SIGKILL); // its helpers as well; ESRCH when it has no group yet or any more
            child.kill(SIGKILL);
            exit = child.wait();
            break;
        }
        // The end of the program counts, not the end of its output: something that it left behind in the
        // background may hold the pipes open for ever.
        struct pollfd waiting[3] = {
            {out.read_end.get(), POLLIN, 0},
            {err.read_end.get(), POLLIN, 0},
            {in.write_end.get(), POLLOUT, 0}}; // negative numbers are left out by poll
        constexpr std::chrono::milliseconds look_again(10);
        int timeout = static_cast<int>(std::min(left, look_again).count());
        if (::poll(waiting, 3, timeout) < 0 && errno != EINTR)
            throw system_error(errno, "pipe", "poll");
        feed(in.write_end, input);
        drain(out.read_end, output.out);
        drain(err.read_end, output.err);
        exit = child.wait_for(std::chrono::milliseconds(0));
    }
    drain(out.read_end, output.out);
    drain(err.read_end, output.err);
    output.exit = *exit;
    return output;
}

} // namespace pkgjail::base
