// Knowing a process again: pid and start time, and signals that reach nobody else.
#include "pkgjail/base/process.hpp"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <string>

#include <fcntl.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif
#ifdef __NetBSD__
#include <sys/param.h>
#include <sys/sysctl.h>
#endif

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/retry.hpp"

namespace pkgjail::base {

namespace {

std::string process_name(pid_t pid) {
    return "process " + std::to_string(pid);
}

} // namespace

#ifdef __linux__

std::optional<ProcessId> identify_process(pid_t pid) {
    if (pid <= 0)
        return std::nullopt;
    std::string path = "/proc/" + std::to_string(pid) + "/stat";
    const int number = retrying([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); });
    if (number < 0 && (errno == ENOENT || errno == ESRCH))
        return std::nullopt;
    if (number < 0)
        throw system_error(errno, path, "open");
    Fd fd(number);
    char buffer[4096];
    ssize_t count = ::read(fd.get(), buffer, sizeof buffer);
    if (count < 0 && errno == ESRCH)
        return std::nullopt;
    if (count < 0)
        throw system_error(errno, path, "read");
    // "PID (NAME) STATE PPID …", where NAME may hold anything, also ")"; the start time is the 22nd field.
    std::string_view text(buffer, static_cast<std::size_t>(count));
    std::size_t after_name = text.rfind(')');
    if (after_name == text.npos || after_name + 2 >= text.size())
        throw Error(ErrorKind::system, path, "has no process state");
    text.remove_prefix(after_name + 2);
    if (text[0] == 'Z' || text[0] == 'X' || text[0] == 'x')
        return std::nullopt;
    for (int field = 3; field < 22; ++field) {
        std::size_t space = text.find(' ');
        if (space == text.npos)
            throw Error(ErrorKind::system, path, "has no start time");
        text.remove_prefix(space + 1);
    }
    ProcessId process{pid, 0};
    if (std::from_chars(text.data(), text.data() + text.size(), process.start).ec != std::errc())
        throw Error(ErrorKind::system, path, "has no start time");
    return process;
}

#elif defined(__NetBSD__)

std::optional<ProcessId> identify_process(pid_t pid) {
    if (pid <= 0)
        return std::nullopt;
    struct kinfo_proc2 info {};
    std::size_t size = sizeof info;
    const int query[6] = {CTL_KERN, KERN_PROC2, KERN_PROC_PID, pid, static_cast<int>(sizeof info), 1};
    if (::sysctl(query, 6, &info, &size, nullptr, 0) != 0) {
        if (errno == ESRCH)
            return std::nullopt;
        throw system_error(errno, process_name(pid), "sysctl kern.proc2");
    }
    if (size == 0 || info.p_pid != pid || info.p_stat == LSZOMB)
        return std::nullopt;
    return ProcessId{pid, static_cast<std::uint64_t>(info.p_ustart_sec) * 1000000u + info.p_ustart_usec};
}

#else
#error "pkgjail knows processes on Linux and NetBSD only"
#endif

bool is_alive(const ProcessId& process) {
    return identify_process(process.pid) == process;
}

bool send_signal(const ProcessId& process, int signal_number) {
#if defined(__linux__) && defined(SYS_pidfd_open)
    // The descriptor is taken first and the identity checked after: from then on it cannot become somebody
    // else's.
    Fd handle(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
    if (handle) {
        if (!is_alive(process))
            return false;
        if (::syscall(SYS_pidfd_send_signal, handle.get(), signal_number, nullptr, 0) == 0)
            return true;
        if (errno == ESRCH)
            return false;
        throw system_error(errno, process_name(process.pid), "send signal " + std::to_string(signal_number));
    }
    if (errno == ESRCH)
        return false;
    if (errno != ENOSYS)
        throw system_error(errno, process_name(process.pid), "pidfd_open");
#endif
    if (!is_alive(process))
        return false;
    if (::kill(process.pid, signal_number) == 0)
        return true;
    if (errno == ESRCH)
        return false;
    throw system_error(errno, process_name(process.pid), "send signal " + std::to_string(signal_number));
}

} // namespace pkgjail::base
