#include "pkgjail/base/process.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <fmt/format.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/descriptors.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/process_watch.hpp"

namespace pkgjail::base {

namespace {

/// Where the child was when it failed; what the pipe carries.
enum class Stage : int { descriptors, session, directory, exec };

struct Failure {
    Stage stage;
    int error;
};

const char* describe(Stage stage) {
    switch (stage) {
    case Stage::descriptors:
        return "arrange its descriptors";
    case Stage::session:
        return "setsid";
    case Stage::directory:
        return "enter its working directory";
    case Stage::exec:
        return "exec";
    }
    return "start";
}

/// Everything that the child needs, made before fork: between fork and exec no memory may be allocated.
struct Preparation {
    std::vector<char*> argv;
    std::vector<char*> environment;
    std::vector<int> keep; ///< sorted
    int standard[3] = {-1, -1, -1};
    pid_t parent = ::getpid();
    Fd null;
    Fd report;
};

std::vector<char*> pointers_to(const std::vector<std::string>& strings) {
    std::vector<char*> pointers;
    pointers.reserve(strings.size() + 1);
    for (const std::string& text : strings)
        pointers.push_back(const_cast<char*>(text.c_str()));
    pointers.push_back(nullptr);
    return pointers;
}

/// Above 2, so that it is not in the way when 0-2 are arranged.
Fd above_standard(const Fd& fd) {
    int copy = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3);
    if (copy < 0)
        throw system_error(errno, "descriptor", "dup");
    return Fd(copy);
}

/// The child, until exec: only calls that are safe after fork in a program with threads.
class Launch {
  public:
    Launch(const Command& command, const Preparation& prepared) : command_(command), prepared_(prepared) {}

    [[noreturn]] void run() {
        reset_signals();
#ifdef __linux__
        if (command_.end_with_parent) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (::getppid() != prepared_.parent) // it ended before we asked
                ::_exit(127);
        }
#endif
        if (command_.new_session && ::setsid() < 0)
            fail(Stage::session);
        arrange_descriptors();
        if (::chdir(command_.working_directory.c_str()) != 0)
            fail(Stage::directory);
        ::execve(prepared_.argv[0], prepared_.argv.data(), prepared_.environment.data());
        fail(Stage::exec);
    }

  private:
    [[noreturn]] void fail(Stage stage) {
        Failure failure{stage, errno};
        // The parent reads end-of-file if even this fails, and then reports the exit status.
        if (::write(prepared_.report.get(), &failure, sizeof failure) != sizeof failure)
            ::_exit(126);
        ::_exit(127);
    }

    static void reset_signals() {
        struct sigaction usual {};
        usual.sa_handler = SIG_DFL;
        for (int number = 1; number < NSIG; ++number)
            ::sigaction(number, &usual, nullptr); // EINVAL for SIGKILL, SIGSTOP and unused numbers
        sigset_t none;
        ::sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
    }

    void arrange_descriptors() {
        // First all three to numbers above 2, so that none is overwritten before it is used.
        int sources[3];
        for (int i = 0; i < 3; ++i) {
            int wanted = prepared_.standard[i] < 0 ? prepared_.null.get() : prepared_.standard[i];
            sources[i] = ::fcntl(wanted, F_DUPFD_CLOEXEC, 3);
            if (sources[i] < 0)
                fail(Stage::descriptors);
        }
        for (int i = 0; i < 3; ++i)
            if (::dup2(sources[i], i) < 0) // clears close-on-exec of the copy
                fail(Stage::descriptors);
        unsigned first = 3;
        std::size_t next_kept = 0;
        // The kept ones and the report pipe divide the numbers into stretches that are closed.
        bool report_passed = false;
        while (next_kept < prepared_.keep.size() || !report_passed) {
            int report = prepared_.report.get();
            bool is_report =
                !report_passed && (next_kept == prepared_.keep.size() || report < prepared_.keep[next_kept]);
            int number = is_report ? report : prepared_.keep[next_kept];
            close_between(first, static_cast<unsigned>(number) - 1);
            first = static_cast<unsigned>(number) + 1;
            if (is_report) {
                report_passed = true;
                continue;
            }
            ++next_kept;
            int flags = ::fcntl(number, F_GETFD);
            if (flags < 0 || ::fcntl(number, F_SETFD, flags & ~FD_CLOEXEC) != 0)
                fail(Stage::descriptors);
        }
        close_between(first, ~0u);
    }

    const Command& command_;
    const Preparation& prepared_;
};

Exit exit_of(int status) {
    if (WIFSIGNALED(status))
        return Exit{true, WTERMSIG(status)};
    return Exit{false, WEXITSTATUS(status)};
}

/// waitpid through EINTR. With WNOHANG, nullopt while it runs.
std::optional<Exit> reap(pid_t pid, int options) {
    if (pid <= 0)
        throw Error(ErrorKind::system, "child", "was waited for already");
    int status = 0;
    pid_t result = -1;
    do
        result = ::waitpid(pid, &status, options);
    while (result < 0 && errno == EINTR);
    if (result < 0)
        throw system_error(errno, "process " + std::to_string(pid), "waitpid");
    if (result == 0)
        return std::nullopt;
    return exit_of(status);
}

void check(const Command& command) {
    if (command.argv.empty() || command.argv[0].empty())
        throw Error(ErrorKind::usage, "program", "has an empty command line");
    auto has_nul = [](const std::string& text) { return text.find('\0') != text.npos; };
    if (std::any_of(command.argv.begin(), command.argv.end(), has_nul) ||
        std::any_of(command.environment.begin(), command.environment.end(), has_nul) ||
        has_nul(command.working_directory))
        throw Error(ErrorKind::usage, command.argv[0].substr(0, command.argv[0].find('\0')),
                    "has a NUL byte in its command line or environment");
    if (std::any_of(command.keep.begin(), command.keep.end(), [](int number) { return number < 3; }))
        throw Error(ErrorKind::usage, command.argv[0], "is to keep a descriptor below 3");
}

} // namespace

std::string Exit::describe() const {
    if (!signalled)
        return fmt::format("exit status {}", value);
    const char* name = ::strsignal(value);
    return fmt::format("signal {} ({})", value, name != nullptr ? name : "unknown");
}

Child Child::start(const Command& command) {
    check(command);
    Preparation prepared;
    prepared.argv = pointers_to(command.argv);
    prepared.environment = pointers_to(command.environment);
    prepared.keep = command.keep;
    std::sort(prepared.keep.begin(), prepared.keep.end());
    prepared.keep.erase(std::unique(prepared.keep.begin(), prepared.keep.end()), prepared.keep.end());
    prepared.standard[0] = command.standard_input;
    prepared.standard[1] = command.standard_output;
    prepared.standard[2] = command.standard_error;
    prepared.null = Fd(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!prepared.null)
        throw system_error(errno, "/dev/null", "open");
    Pipe report = make_pipe();
    prepared.report = above_standard(report.write_end);
    report.write_end.reset();

    // No handler of ours may run in the child.
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = ::fork();
    int fork_error = errno;
    if (pid == 0)
        Launch(command, prepared).run();
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (pid < 0)
        throw system_error(fork_error, command.argv[0], "fork");
    Child child(pid);
    prepared.report.reset();

    Failure failure{};
    ssize_t count = -1;
    do
        count = ::read(report.read_end.get(), &failure, sizeof failure);
    while (count < 0 && errno == EINTR);
    if (count == 0)
        return child; // exec closed the pipe
    child.wait();
    if (count != sizeof failure)
        throw Error(ErrorKind::system, command.argv[0], "could not be started");
    std::string call = describe(failure.stage);
    if (failure.stage == Stage::directory)
        call += " " + command.working_directory;
    throw system_error(failure.error, command.argv[0], call);
}

Child::Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}

Child& Child::operator=(Child&& other) noexcept {
    if (this != &other) {
        Child previous(std::exchange(pid_, std::exchange(other.pid_, -1)));
    }
    return *this;
}

Child::~Child() {
    if (pid_ <= 0)
        return;
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

Exit Child::wait() {
    Exit exit = *reap(pid_, 0);
    pid_ = -1;
    return exit;
}

std::optional<Exit> Child::wait_for(std::chrono::milliseconds limit) {
    SteadyTime deadline = steady_now() + limit;
    std::chrono::milliseconds pause(1);
    std::optional<ProcessWatch> watch; // only for what takes its time
    bool is_told = false;
    for (;;) {
        if (std::optional<Exit> exit = reap(pid_, WNOHANG)) {
            pid_ = -1;
            return exit;
        }
        auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady_now());
        if (left <= std::chrono::milliseconds(0))
            return std::nullopt;
        if (!watch) {
            if (const std::optional<ProcessId> process = identify_process(pid_))
                watch.emplace(*process);
        }
        if (watch && watch->fd() >= 0 && !is_told) {
            constexpr std::chrono::milliseconds longest(3'600'000);
            struct pollfd ended {
                watch->fd(), POLLIN, 0
            };
            is_told = ::poll(&ended, 1, static_cast<int>(std::min(left, longest).count())) > 0;
            continue;
        }
        // Where the kernel does not tell, or has told and the exit is not there yet.
        std::this_thread::sleep_for(std::min(left, pause));
        pause = std::min(pause * 2, std::chrono::milliseconds(20));
    }
}

void Child::kill(int signal_number) {
    // Not reaped yet, so the number is still this child's, even when it has ended.
    if (pid_ > 0 && ::kill(pid_, signal_number) != 0)
        throw system_error(errno, "process " + std::to_string(pid_), "kill");
}

pid_t Child::release() {
    return std::exchange(pid_, -1);
}

} // namespace pkgjail::base
