#include "pkgjail/confine/kmod_process.hpp"

#include <cerrno>
#include <csignal>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"

namespace pkgjail::confine {
namespace {

using base::Error;
using base::ErrorKind;
using base::Fd;

constexpr int patience_ms = 60'000;

void reset_signals() {
    struct sigaction usual {};
    usual.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; ++number)
        ::sigaction(number, &usual, nullptr); // EINVAL for SIGKILL, SIGSTOP and unused numbers
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void tell(int report, const EntryOutcome& outcome) {
    // Whoever should hear it may be gone: then nobody waits for what happens next either.
    if (::write(report, &outcome, sizeof outcome) != sizeof outcome)
        ::_exit(126);
}

Fd out_of_the_way(const Fd& fd) {
    Fd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, entry_numbers));
    if (!copy)
        throw base::system_error(errno, "pipe", "fcntl");
    return copy;
}

/// The child, until exec. The report may still be under its first number when the first stages fail.
[[noreturn]] void go_in(const EntryPlan& plan, EntryCalls& calls, int report) {
    reset_signals();
    const EntryOutcome outcome = prepare_entry(plan, calls);
    const bool arranged = outcome.stage > EntryStage::descriptors;
    tell(arranged ? entry_report : report, outcome);
    if (!outcome.ready())
        ::_exit(127);
    char word = 0;
    ssize_t count = -1;
    do
        count = ::read(entry_gate, &word, 1);
    while (count < 0 && errno == EINTR);
    if (count != 1)
        ::_exit(127); // never started: whoever made it is gone
    tell(entry_report, finish_entry(plan, calls));
    ::_exit(127);
}

class ProcessEntrant final : public Entrant {
  public:
    ProcessEntrant(base::ProcessId process, Fd gate, Fd report)
        : process_(process), gate_(std::move(gate)), report_(std::move(report)) {}
    ProcessEntrant(const ProcessEntrant&) = delete;
    ProcessEntrant& operator=(const ProcessEntrant&) = delete;
    ~ProcessEntrant() override {
        gate_.reset();
        if (ours_) {
            ::kill(process_.pid, SIGKILL); // not reaped yet, so the number is still its own
            while (::waitpid(process_.pid, nullptr, 0) < 0 && errno == EINTR) {
            }
        }
    }

    base::ProcessId process() const override {
        ours_ = false; // whoever knows it waits for it
        return process_;
    }

    EntryOutcome await_ready() override {
        if (const auto outcome = hear())
            return *outcome;
        // It ended without a word: killed from outside, or by a limit of the jail that it had just entered.
        throw Error(ErrorKind::system, "process " + std::to_string(process_.pid),
                    "ended on its way into the jail");
    }

    std::optional<EntryOutcome> let_go() override {
        // A first process that was killed meanwhile is no failure of start: whoever waits for it learns of
        // it.
        struct sigaction ignore {
        }, before{};
        ignore.sa_handler = SIG_IGN;
        ::sigaction(SIGPIPE, &ignore, &before);
        const ssize_t written = ::write(gate_.get(), "", 1);
        const int error = errno;
        ::sigaction(SIGPIPE, &before, nullptr);
        if (written != 1 && error != EPIPE)
            throw base::system_error(error, "process " + std::to_string(process_.pid), "write");
        gate_.reset();
        return hear(); // exec closes the other end
    }

    base::Exit wait() override {
        ours_ = false;
        int status = 0;
        while (::waitpid(process_.pid, &status, 0) < 0)
            if (errno != EINTR)
                throw base::system_error(errno, "process " + std::to_string(process_.pid), "waitpid");
        base::Exit exit;
        exit.signalled = WIFSIGNALED(status);
        exit.value = exit.signalled ? WTERMSIG(status) : WEXITSTATUS(status);
        return exit;
    }

  private:
    /// nullopt at the end of the pipe.
    std::optional<EntryOutcome> hear() {
        struct pollfd waiting {};
        waiting.fd = report_.get();
        waiting.events = POLLIN;
        int ready = -1;
        do
            ready = ::poll(&waiting, 1, patience_ms);
        while (ready < 0 && errno == EINTR);
        if (ready <= 0)
            throw Error(ErrorKind::system, "process " + std::to_string(process_.pid),
                        "does not get into the jail within a minute");
        EntryOutcome outcome;
        ssize_t count = -1;
        do
            count = ::read(report_.get(), &outcome, sizeof outcome);
        while (count < 0 && errno == EINTR);
        if (count == 0)
            return std::nullopt;
        if (count != sizeof outcome)
            throw base::system_error(count < 0 ? errno : EIO, "pipe", "read");
        return outcome;
    }

    base::ProcessId process_;
    Fd gate_;
    Fd report_;
    mutable bool ours_ = true;
};

} // namespace

std::unique_ptr<Entrant> fork_entrant(const EntryPlan& plan, MakeEntryCalls make_calls) {
    base::Pipe gate = base::make_pipe();
    base::Pipe report = base::make_pipe();
    const Fd child_gate = out_of_the_way(gate.read_end), child_report = out_of_the_way(report.write_end);
    report.write_end.reset();
    const auto calls = make_calls(plan, child_gate.get(), child_report.get());
    // No handler of ours may run in the child.
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t pid = ::fork();
    const int error = errno;
    if (pid == 0)
        go_in(plan, *calls, child_report.get());
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (pid < 0)
        throw base::system_error(error, plan.jail, "fork");
    return std::make_unique<ProcessEntrant>(base::identify_process(pid).value_or(base::ProcessId{pid, 0}),
                                            std::move(gate.write_end), std::move(report.read_end));
}

} // namespace pkgjail::confine
