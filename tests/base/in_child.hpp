// Work in a forked process: for what needs a second process, or limits that the test program must not get
// itself.
#pragma once

#include <cerrno>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

#include "pkgjail/base/fd.hpp"

namespace pkgjail::test {

/// Runs `work` in a fork and waits; its result is the exit status, 250 when it threw. Negative: the signal.
template <class Work>
int status_of_child(Work&& work) {
    pid_t pid = ::fork();
    if (pid == 0) {
        int status = 250;
        try {
            status = work();
        } catch (const std::exception&) {
            status = 250;
        }
        ::_exit(status);
    }
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/// A forked process that has done `work` and then stays, until it is killed at the end.
class StayingChild {
  public:
    template <class Work>
    explicit StayingChild(Work&& work) {
        base::Pipe ready = base::make_pipe();
        pid_ = ::fork();
        if (pid_ == 0) {
            try {
                [[maybe_unused]] auto held = work();
                if (::write(ready.write_end.get(), "1", 1) == 1)
                    for (;;)
                        ::pause();
            } catch (const std::exception&) {
                ::_exit(250);
            }
            ::_exit(251);
        }
        ready.write_end.reset();
        char byte = 0;
        is_ready_ = ::read(ready.read_end.get(), &byte, 1) == 1;
    }
    StayingChild(const StayingChild&) = delete;
    StayingChild& operator=(const StayingChild&) = delete;
    ~StayingChild() { end(); }

    bool is_ready() const { return is_ready_; }
    pid_t pid() const { return pid_; }
    void end() {
        if (pid_ <= 0)
            return;
        ::kill(pid_, SIGKILL);
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
    }

  private:
    pid_t pid_ = -1;
    bool is_ready_ = false;
};

/// Sets an environment variable for the length of a test; nullptr removes it.
class ScopedVariable {
  public:
    ScopedVariable(const char* name, const char* value) : name_(name) {
        if (const char* before = std::getenv(name))
            before_ = before;
        value != nullptr ? ::setenv(name, value, 1) : ::unsetenv(name);
    }
    ScopedVariable(const ScopedVariable&) = delete;
    ScopedVariable& operator=(const ScopedVariable&) = delete;
    ~ScopedVariable() { before_ ? ::setenv(name_, before_->c_str(), 1) : ::unsetenv(name_); }

  private:
    const char* name_;
    std::optional<std::string> before_;
};

} // namespace pkgjail::test
