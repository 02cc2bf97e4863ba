#include "pkgjail/supervise/probe_process.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/supervise/attempt.hpp"

namespace pkgjail::supervise {

namespace {

constexpr std::size_t kept_output = 4096;
constexpr std::size_t longest_detail = 300;

void make_non_blocking(const base::Fd& fd) {
    int flags = ::fcntl(fd.get(), F_GETFL);
    if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0)
        throw base::system_error(errno, "pipe", "fcntl");
}

/// Takes what a non-blocking pipe has now, in bounded pieces; keeps the last `most` bytes.
void take(base::Fd& fd, std::string& kept, std::size_t most) noexcept {
    char buffer[4096];
    for (int round = 0; fd && round < 64; ++round) {
        ssize_t count = ::read(fd.get(), buffer, sizeof buffer);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno == EAGAIN)
            return;
        if (count <= 0) {
            fd.reset();
            return;
        }
        kept.append(buffer, static_cast<std::size_t>(count));
        if (kept.size() > most)
            kept.erase(0, kept.size() - most);
    }
}

std::string last_line(std::string_view text) {
    std::size_t end = text.find_last_not_of(" \t\r\n");
    if (end == text.npos)
        return {};
    text = text.substr(0, end + 1);
    std::size_t newline = text.rfind('\n');
    if (newline != text.npos)
        text.remove_prefix(newline + 1);
    return base::printable(text.substr(0, longest_detail));
}

/// Makes the jail's root this process's own, so that no link in the jail leads out of it.
void enter_root(const ProbeTarget& target) {
    // Without privilege there is nothing that a link could lead to that the jail's owner cannot reach as
    // well.
    if (::geteuid() != 0)
        return;
    const base::Tree root = target.driver.open_root(target.spec.handle, target.run_directory);
    if (::fchdir(root.fd().get()) != 0 || ::chroot(".") != 0)
        throw base::system_error(errno, root.name(), "chroot");
}

ProbeResult run_command(const ProbeTarget& target) {
    confine::ExecRequest request;
    request.command = target.probe.command;
    request.environment = target.spec.environment;
    request.working_directory = target.spec.working_directory;
    request.identity = target.spec.identity;
    base::Exit exit = target.driver.exec(target.spec, target.run_directory, request);
    return {exit.success(), exit.describe()};
}

ProbeResult attempt(const ProbeTarget& target) {
    switch (target.probe.kind) {
    case jail::Probe::Kind::http:
        target.driver.enter_network(target.spec, target.run_directory);
        return ask_http(target.probe.target, target.timeout);
    case jail::Probe::Kind::tcp:
        target.driver.enter_network(target.spec, target.run_directory);
        return ask_tcp(target.probe.target, target.timeout);
    case jail::Probe::Kind::unix_socket:
        enter_root(target);
        return ask_unix(target.probe.target, target.timeout);
    case jail::Probe::Kind::command:
        return run_command(target);
    }
    return {false, "unknown kind of probe"};
}

} // namespace

ProbeProcess::ProbeProcess(const ProbeTarget& target, const std::function<void()>& in_child)
    : driver_(target.driver), handle_(target.spec.handle), run_directory_(target.run_directory),
      was_paused_(is_paused()), timeout_(target.timeout), deadline_(base::steady_now() + target.timeout) {
    base::Pipe output = base::make_pipe();
    base::Pipe result = base::make_pipe();
    make_non_blocking(output.read_end);
    make_non_blocking(result.read_end);
    pid_t pid = ::fork();
    if (pid < 0)
        throw base::system_error(errno, "probe", "fork");
    if (pid == 0) {
        output_ = std::move(output.write_end);
        result_ = std::move(result.write_end);
        run(target, in_child);
    }
    // On both sides, so that the group is there whoever comes first.
    ::setpgid(pid, pid);
    pid_ = pid;
    output_ = std::move(output.read_end);
    result_ = std::move(result.read_end);
}

ProbeProcess::~ProbeProcess() {
    if (pid_ > 0 && !ended_)
        time_out();
}

void ProbeProcess::run(const ProbeTarget& target, const std::function<void()>& in_child) noexcept {
    ::setpgid(0, 0);
    for (int number : {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGPIPE, SIGALRM})
        static_cast<void>(::signal(number, SIG_DFL)); // fails only for numbers that do not exist
    sigset_t none;
    ::sigemptyset(&none);
    ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
    // Should nobody be left to kill it.
    ::alarm(static_cast<unsigned>(std::chrono::ceil<std::chrono::seconds>(target.timeout).count()) + 1);
    ProbeResult result;
    try {
        in_child();
        base::Fd null = base::open_file("/dev/null", O_RDONLY);
        if (::dup2(null.get(), 0) < 0 || ::dup2(output_.get(), 1) < 0 || ::dup2(output_.get(), 2) < 0)
            throw base::system_error(errno, "probe", "dup2");
        result = attempt(target);
    } catch (const std::exception& error) {
        result = {false, error.what()};
    }
    try {
        std::string line = (result.healthy ? "1" : "0") + result.detail.substr(0, longest_detail);
        base::write_all(result_.get(), line, "probe");
    } catch (const std::exception&) {
        ::_exit(2); // seen by finish() as a probe without a result
    }
    ::_exit(0);
}

void ProbeProcess::read() noexcept {
    take(output_, tail_, kept_output);
    take(result_, answer_, kept_output);
}

void ProbeProcess::time_out() noexcept {
    timed_out_ = true;
    if (::kill(-pid_, SIGKILL) != 0)
        ::kill(pid_, SIGKILL);
}

ProbeResult ProbeProcess::finish(const base::Exit& exit) {
    ended_ = true;
    read();
    ProbeResult result;
    std::string said = last_line(tail_);
    if (!answer_.empty() && !timed_out_) {
        result.healthy = answer_[0] == '1';
        result.detail = base::printable(std::string_view(answer_).substr(1));
    } else if (timed_out_) {
        result.detail = "no answer within " + show_duration(timeout_);
    } else {
        result.detail = "the probe itself ended with " + exit.describe();
    }
    if (!said.empty())
        result.detail += ": " + said;
    result.counts = result.healthy || !(was_paused_ || is_paused());
    return result;
}

bool ProbeProcess::is_paused() const noexcept {
    try {
        return driver_.is_paused(handle_, run_directory_);
    } catch (const base::Error&) {
        return false; // whatever it is, the probe's own failure is told
    }
}

ProbeResult run_probe(const jail::Probe& probe, std::chrono::milliseconds timeout, confine::Driver& driver,
                      const confine::JailSpec& spec, const base::HostPath& run_directory) {
    ProbeProcess process({probe, timeout, driver, spec, run_directory}, [] {});
    while (process.result_fd() >= 0 && !process.timed_out()) {
        auto left = std::chrono::ceil<std::chrono::milliseconds>(process.deadline() - base::steady_now());
        if (left.count() <= 0) {
            process.time_out();
            break;
        }
        // The result's end of file is the process's end; the output may be held open by what a command left
        // behind.
        struct pollfd waiting[2] = {{process.result_fd(), POLLIN, 0}, {process.output_fd(), POLLIN, 0}};
        if (::poll(waiting, 2, static_cast<int>(left.count())) < 0 && errno != EINTR)
            throw base::system_error(errno, "probe", "poll");
        process.read();
    }
    int status = 0;
    while (::waitpid(process.pid(), &status, 0) < 0)
        if (errno != EINTR)
            throw base::system_error(errno, "probe", "waitpid");
    base::Exit exit{WIFSIGNALED(status), WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)};
    // The runtime was killed with it and is our child by now, if orphans come to us; only when it is gone
    // does what it had started come to us as well, for the caller to end.
    while (process.timed_out() && (::waitpid(-process.pid(), nullptr, 0) > 0 || errno == EINTR)) {
    }
    return process.finish(exit);
}

void kill_adopted(confine::Driver& driver, const confine::JailSpec& spec, const base::HostPath& run_directory,
                  const std::vector<pid_t>& kept) {
    for (pid_t pid : driver.processes(spec.handle, run_directory)) {
        if (std::find(kept.begin(), kept.end(), pid) != kept.end())
            continue;
        siginfo_t info{};
        // Answers ECHILD for a process of somebody else's; looks without taking the exit.
        if (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0)
            ::kill(pid, SIGKILL);
    }
}

} // namespace pkgjail::supervise
