#include "support/fake_driver.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"

namespace pkgjail::test {
namespace {

using base::Error;
using base::ErrorKind;

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (auto& text : texts)
        result.push_back(text.data());
    result.push_back(nullptr);
    return result;
}

std::string join(const std::vector<std::string>& words) {
    std::string result;
    for (const auto& word : words)
        result += (result.empty() ? "" : " ") + word;
    return result;
}

/// Every live process of the session that `leader` founded.
std::vector<pid_t> session_members(pid_t leader) {
    std::vector<pid_t> members;
#ifdef __linux__
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
        const auto name = entry.path().filename().string();
        pid_t pid = 0;
        std::from_chars(name.data(), name.data() + name.size(), pid);
        if (pid > 0 && ::getsid(pid) == leader && base::identify_process(pid))
            members.push_back(pid);
    }
    std::sort(members.begin(), members.end());
#else
    if (base::identify_process(leader))
        members.push_back(leader);
#endif
    return members;
}

/// What a description must have for the real drivers, as far as it matters without a kernel.
void check(const confine::JailSpec& spec) {
    const std::string& name = spec.jail.empty() ? spec.handle : spec.jail;
    if (spec.handle.empty() || spec.handle.find('/') != std::string::npos)
        throw Error(ErrorKind::configuration, name, "handle \"" + spec.handle + "\" cannot be used");
    if (spec.command.empty() || spec.command.front().empty() || spec.command.front().front() != '/')
        throw Error(ErrorKind::configuration, name, "command is not an absolute path");
    if (spec.network == jail::NetworkMode::private_)
        throw Error(ErrorKind::configuration, name, "network mode private is not available");
    struct stat status {};
    if (::stat(spec.command.front().c_str(), &status) != 0)
        throw Error(ErrorKind::not_found, spec.command.front(), "no such program in jail " + name);
    if (::access(spec.command.front().c_str(), X_OK) != 0 || !S_ISREG(status.st_mode))
        throw Error(ErrorKind::denied, spec.command.front(), "cannot be executed in jail " + name);
    if (::stat(spec.working_directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
        throw Error(ErrorKind::not_found, spec.working_directory,
                    "no such working directory in jail " + name);
}

std::vector<std::string> environment_lines(const std::map<std::string, std::string>& environment) {
    std::vector<std::string> lines;
    for (const auto& [name, value] : environment)
        lines.push_back(name + "=" + value);
    return lines;
}

/// Only calls that are safe between fork and exec.
[[noreturn]] void be_first_process(int gate, const int (&streams)[3], const char* directory,
                                   char* const* argv, char* const* environment) {
    ::setsid();
    for (int number = 0; number < 3; ++number)
        if (::dup2(streams[number], number) < 0)
            ::_exit(127);
    for (int number = 3; number < 1024; ++number)
        if (number != gate)
            ::close(number);
    char byte = 0;
    ssize_t count = 0;
    do
        count = ::read(gate, &byte, 1);
    while (count < 0 && errno == EINTR);
    if (count != 1)
        ::_exit(127); // never started: whoever made it is gone
    ::close(gate);
    for (const int number : {SIGPIPE, SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT})
        ::signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (::chdir(directory) == 0)
        ::execve(argv[0], argv, environment);
    ::_exit(127);
}

} // namespace

FakeDriver::FakeDriver() = default;

FakeDriver::~FakeDriver() {
    for (auto& [handle, jail] : jails_) {
        end_all(handle);
        ::waitpid(jail.first.pid, nullptr, 0);
    }
}

std::string FakeDriver::calls() const {
    std::string text;
    for (const auto& call : calls_)
        text += call + "\n";
    return text;
}

void FakeDriver::record(std::string call) {
    calls_.push_back(std::move(call));
    if (on_call)
        on_call(calls_.back());
}

FakeDriver::FakeJail& FakeDriver::jail(const std::string& handle) {
    const auto found = jails_.find(handle);
    if (found == jails_.end())
        throw Error(ErrorKind::conflict, handle, "is not running");
    return found->second;
}

const FakeDriver::FakeJail& FakeDriver::jail(const std::string& handle) const {
    return const_cast<FakeDriver*>(this)->jail(handle);
}

/// A process of the description's command in a session of its own, stopped until a byte comes through.
std::pair<pid_t, base::Fd> FakeDriver::fork_stopped(const confine::JailSpec& spec,
                                                    const confine::Streams& streams) {
    auto command = spec.command;
    auto environment = environment_lines(spec.environment);
    const auto argv = pointers(command);
    const auto envp = pointers(environment);
    // Above 2, so that putting one in its place cannot overwrite the next.
    const base::Fd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
    base::Fd high[3];
    int numbers[3];
    const int given[3] = {streams.input, streams.output, streams.error};
    for (int i = 0; i < 3; ++i) {
        high[i] = base::Fd(::fcntl(given[i] < 0 ? nothing.get() : given[i], F_DUPFD_CLOEXEC, 3));
        if (!high[i])
            throw base::system_error(errno, "stream", "fcntl");
        numbers[i] = high[i].get();
    }
    int gate[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, gate) != 0)
        throw base::system_error(errno, spec.handle, "socketpair");
    base::Fd inner(gate[0]);
    base::Fd outer(gate[1]);
    const pid_t pid = ::fork();
    if (pid < 0)
        throw base::system_error(errno, spec.handle, "fork");
    if (pid == 0)
        be_first_process(inner.get(), numbers, spec.working_directory.c_str(), argv.data(), envp.data());
    // The child founds its session by itself; nobody may look for it before.
    const auto child = base::identify_process(pid).value_or(base::ProcessId{pid, 0});
    while (::getsid(pid) != pid && base::is_alive(child))
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return {pid, std::move(outer)};
}

base::ProcessId FakeDriver::create(const confine::JailSpec& spec, const base::HostPath&,
                                   const confine::Streams& streams) {
    record("create " + spec.handle + ": " + join(spec.command));
    check(spec);
    if (jails_.contains(spec.handle)) {
        calls_.push_back("cleared " + spec.handle);
        end_all(spec.handle);
        jails_.erase(spec.handle);
    }
    specs_[spec.handle] = spec;

    auto [pid, gate] = fork_stopped(spec, streams);
    FakeJail made;
    made.gate = std::move(gate);
    made.first = base::identify_process(pid).value_or(base::ProcessId{pid, 0});
    const auto first = made.first;
    jails_.insert_or_assign(spec.handle, std::move(made));
    return first;
}

void FakeDriver::start(const confine::JailSpec& spec, const base::HostPath&) {
    record("start " + spec.handle);
    auto& found = jail(spec.handle);
    if (found.started)
        throw Error(ErrorKind::conflict, spec.handle, "is started already");
    found.started = true;
    // A first process that was killed meanwhile is no failure of start: whoever waits for it learns of it.
    if (::send(found.gate.get(), "", 1, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
        throw base::system_error(errno, spec.handle, "send");
    found.gate.reset();
}

std::vector<pid_t> FakeDriver::members(const FakeJail& jail) const {
    std::vector<pid_t> all = session_members(jail.first.pid);
    for (const pid_t leader : jail.spawned)
        for (const pid_t pid : session_members(leader))
            all.push_back(pid);
    return all;
}

base::ProcessId FakeDriver::spawn(const confine::JailSpec& spec, const base::HostPath&,
                                  const confine::ExecRequest& request, const confine::Streams& streams) {
    record("spawn " + spec.handle + ": " + join(request.command));
    auto& found = jail(spec.handle);
    if (!found.started || !base::is_alive(found.first))
        throw Error(ErrorKind::conflict, spec.handle, "is not running");
    confine::JailSpec as_spec = spec;
    as_spec.command = request.command;
    as_spec.working_directory = request.working_directory;
    as_spec.environment = request.environment;
    check(as_spec);
    const auto [pid, gate] = fork_stopped(as_spec, streams);
    found.spawned.push_back(pid);
    ::send(gate.get(), "", 1, MSG_NOSIGNAL);
    return base::identify_process(pid).value_or(base::ProcessId{pid, 0});
}

void FakeDriver::end_all(const std::string& handle) {
    const FakeJail& found = jail(handle);
    for (auto left = members(found); !left.empty(); left = members(found)) {
        for (const pid_t pid : left)
            ::kill(pid, SIGKILL);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

void FakeDriver::remove(const std::string& handle, const base::HostPath&) {
    record("remove " + handle);
    if (!jails_.contains(handle))
        return;
    end_all(handle);
    jails_.erase(handle);
}

bool FakeDriver::exists(const std::string& handle, const base::HostPath&) const {
    return jails_.contains(handle);
}

void FakeDriver::signal_all(const std::string& handle, const base::HostPath&, int signal_number) {
    record("signal " + handle + " " + std::to_string(signal_number));
    for (const pid_t pid : members(jail(handle)))
        ::kill(pid, signal_number);
}

void FakeDriver::pause(const std::string& handle, const base::HostPath&) {
    record("pause " + handle);
    for (const pid_t pid : members(jail(handle)))
        ::kill(pid, SIGSTOP);
}

void FakeDriver::resume(const std::string& handle, const base::HostPath&) {
    record("resume " + handle);
    for (const pid_t pid : members(jail(handle)))
        ::kill(pid, SIGCONT);
}

bool FakeDriver::is_paused(const std::string& handle, const base::HostPath&) const {
    const auto found = jails_.find(handle);
    if (found == jails_.end())
        return false;
    const std::vector<pid_t> pids = members(found->second);
    return !pids.empty() && std::all_of(pids.begin(), pids.end(), stands_still);
}

bool stands_still(pid_t pid) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    const std::string line{std::istreambuf_iterator<char>(stat), {}};
    const std::size_t end_of_name = line.rfind(") ");
    return end_of_name != std::string::npos && line.compare(end_of_name + 2, 1, "T") == 0;
}

std::vector<pid_t> FakeDriver::processes(const std::string& handle, const base::HostPath&) const {
    const auto found = jails_.find(handle);
    return found == jails_.end() ? std::vector<pid_t>{} : members(found->second);
}

base::Exit FakeDriver::exec(const confine::JailSpec& spec, const base::HostPath&,
                            const confine::ExecRequest& request) {
    record("exec " + spec.handle + ": " + join(request.command));
    const auto& found = jail(spec.handle);
    if (!found.started || !base::is_alive(found.first))
        throw Error(ErrorKind::conflict, spec.handle, "is not running");
    confine::JailSpec as_spec = spec;
    as_spec.command = request.command;
    as_spec.working_directory = request.working_directory;
    check(as_spec);
    base::Command command;
    command.argv = request.command;
    command.environment = environment_lines(request.environment);
    command.working_directory = request.working_directory;
    command.standard_input = STDIN_FILENO;
    command.standard_output = STDOUT_FILENO;
    command.standard_error = STDERR_FILENO;
    return base::Child::start(command).wait();
}

std::vector<jail::LimitReading> FakeDriver::read_limits(const confine::JailSpec& spec,
                                                        const base::HostPath&) const {
    jail(spec.handle);
    std::vector<jail::LimitReading> readings;
    for (const auto& [kind, limit] : spec.limits.wanted) {
        jail::LimitReading reading{kind, limit.value, limit.value, jail::Enforcement::enforced, "fake"};
        if (std::find(unavailable.begin(), unavailable.end(), kind) != unavailable.end())
            reading = {kind, limit.value, std::nullopt, jail::Enforcement::unavailable,
                       "switched off by the test"};
        readings.push_back(std::move(reading));
    }
    return readings;
}

void FakeDriver::set_limits(const confine::JailSpec& spec, const base::HostPath&) {
    std::string call = "limits " + spec.jail;
    for (const auto& [kind, limit] : spec.limits.wanted)
        call += " " + std::string(jail::limit_name(kind)) + "=" + jail::format_limit(kind, limit.value);
    record(call);
    jail(spec.handle);
    specs_[spec.handle].limits = spec.limits;
}

confine::Usage FakeDriver::usage(const std::string& handle, const base::HostPath&) const {
    jail(handle);
    return next_usage;
}

} // namespace pkgjail::test
