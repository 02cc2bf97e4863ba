#ifdef __linux__

#include "pkgjail/confine/members.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"

namespace pkgjail::confine {
namespace {

using base::Error;
using base::ErrorKind;
using base::HostPath;
namespace fs = std::filesystem;

constexpr auto poll_interval = std::chrono::milliseconds(2);
constexpr auto stop_patience = std::chrono::seconds(10);

/// The namespace's number; 0 when the process is gone.
ino_t process_namespace(pid_t pid) {
    struct stat status {};
    return ::stat(fmt::format("/proc/{}/ns/pid", pid).c_str(), &status) == 0 ? status.st_ino : 0;
}

/// 'R', 'S', 'T', …; 0 when it is gone.
char state_of(pid_t pid) {
    try {
        const auto text = base::read_file_if_exists(fmt::format("/proc/{}/stat", pid)).value_or("");
        const auto after = text.rfind(") ");
        return after == std::string::npos ? '\0' : text[after + 2];
    } catch (const Error&) {
        return '\0'; // it ended while it was being read
    }
}

std::uint64_t resident_bytes(pid_t pid) {
    try {
        std::istringstream words(base::read_file_if_exists(fmt::format("/proc/{}/statm", pid)).value_or(""));
        std::uint64_t size = 0, resident = 0;
        words >> size >> resident;
        return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    } catch (const Error&) {
        return 0;
    }
}

bool may_make_groups_in(const HostPath& directory) {
    return ::access(directory.c_str(), W_OK | X_OK) == 0 &&
           ::access((directory / "cgroup.procs").c_str(), W_OK) == 0;
}

} // namespace

bool Members::exists() const {
    return by_namespace_ ? first_ && base::is_alive(*first_) : cgroup_.exists();
}

std::vector<pid_t> Members::processes() const {
    if (!by_namespace_)
        return cgroup_.processes();
    std::vector<pid_t> found;
    if (!exists())
        return found;
    const ino_t wanted = process_namespace(first_->pid);
    std::error_code gone;
    for (fs::directory_iterator it("/proc", gone), end; !gone && it != end && wanted != 0;
         it.increment(gone)) {
        const auto name = it->path().filename().string();
        pid_t pid = 0;
        std::from_chars(name.data(), name.data() + name.size(), pid);
        if (pid > 0 && process_namespace(pid) == wanted)
            found.push_back(pid);
    }
    std::sort(found.begin(), found.end());
    return found;
}

void Members::signal_all(int signal_number) const {
    if (!by_namespace_)
        return cgroup_.signal_all(signal_number);
    for (const pid_t pid : processes())
        if (::kill(pid, signal_number) != 0 && errno != ESRCH)
            throw base::system_error(errno, fmt::format("process {}", pid), "kill");
}

/// Without a freezer: each is stopped, until a round finds none that runs.
void Members::stop_all() const {
    const auto deadline = std::chrono::steady_clock::now() + stop_patience;
    for (;;) {
        bool running = false;
        for (const pid_t pid : processes()) {
            const char state = state_of(pid);
            if (state == 'T' || state == 't' || state == 'Z' || state == 'X' || state == '\0')
                continue;
            running = true;
            ::kill(pid, SIGSTOP);
        }
        if (!running)
            return;
        if (std::chrono::steady_clock::now() > deadline)
            throw Error(ErrorKind::system, "jail", "its processes do not stop");
        std::this_thread::sleep_for(poll_interval);
    }
}

void Members::freeze() const {
    by_namespace_ ? stop_all() : cgroup_.freeze();
}

void Members::thaw() const {
    by_namespace_ ? signal_all(SIGCONT) : cgroup_.thaw();
}

bool Members::is_frozen() const {
    if (!by_namespace_)
        return cgroup_.is_frozen();
    return first_ && state_of(first_->pid) == 'T';
}

void Members::remove(std::chrono::milliseconds patience) const {
    if (by_namespace_ && first_) {
        // With the first process of a namespace the kernel ends all others; it is gone when they are.
        const auto deadline = std::chrono::steady_clock::now() + patience;
        while (base::is_alive(*first_)) {
            base::send_signal(*first_, SIGKILL);
            if (std::chrono::steady_clock::now() > deadline)
                throw Error(ErrorKind::system, fmt::format("process {}", first_->pid), "does not end");
            std::this_thread::sleep_for(poll_interval);
        }
    }
    cgroup_.remove(patience);
}

Usage Members::usage() const {
    Usage usage = cgroup_.usage();
    if (!by_namespace_)
        return usage;
    const auto all = processes();
    usage.processes = all.size();
    if (!usage.memory_bytes) {
        usage.memory_bytes = 0;
        for (const pid_t pid : all)
            *usage.memory_bytes += resident_bytes(pid);
    }
    return usage;
}

std::vector<CgroupHierarchy> delegated_hierarchies(const std::vector<CgroupHierarchy>& all) {
    std::vector<CgroupHierarchy> found;
    const auto own = parse_proc_cgroup(base::read_file("/proc/self/cgroup"));
    for (const auto& hierarchy : all) {
        const auto membership = std::find_if(own.begin(), own.end(), [&](const CgroupMembership& one) {
            return hierarchy.unified
                       ? one.controllers.empty()
                       : std::any_of(one.controllers.begin(), one.controllers.end(), [&](const auto& name) {
                             return std::find(hierarchy.controllers.begin(), hierarchy.controllers.end(),
                                              name) != hierarchy.controllers.end();
                         });
        });
        if (membership == own.end())
            continue;
        HostPath directory = hierarchy.mount_point.string() + membership->path;
        if (!directory.has_filename())
            directory = directory.parent_path();
        if (!may_make_groups_in(directory))
            continue;
        while (directory != hierarchy.mount_point && may_make_groups_in(directory.parent_path()))
            directory = directory.parent_path();
        CgroupHierarchy delegated = hierarchy;
        delegated.mount_point = directory;
        found.push_back(std::move(delegated));
    }
    return found;
}

std::vector<CgroupHierarchy> join_delegated(const std::vector<CgroupHierarchy>& delegated,
                                            const std::string& path, pid_t first) {
    std::vector<CgroupHierarchy> joined;
    for (const auto& hierarchy : delegated) {
        const HostPath group = hierarchy.mount_point.string() + path;
        std::error_code error;
        fs::create_directories(group, error);
        // What a group above does not pass on, none below has; reading the limits back tells.
        if (hierarchy.unified)
            for (const HostPath& above : {hierarchy.mount_point, HostPath(group.parent_path())})
                for (const char* controller : {"+cpu", "+memory", "+pids", "+io"})
                    if (const base::Fd control(
                            ::open((above / "cgroup.subtree_control").c_str(), O_WRONLY | O_CLOEXEC));
                        control)
                        static_cast<void>(
                            ::write(control.get(), controller, std::string_view(controller).size()) < 0);
        try {
            const base::Fd members = base::open_file(group / "cgroup.procs", O_WRONLY);
            base::write_all(members.get(), std::to_string(first), group.string());
            joined.push_back(hierarchy);
        } catch (const Error&) {
            fs::remove(group, error); // not delegated after all
        }
    }
    return joined;
}

} // namespace pkgjail::confine

#endif
