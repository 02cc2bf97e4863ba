#include "pkgjail/confine/cgroup.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <set>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"

namespace pkgjail::confine {
namespace {

using base::Error;
using base::ErrorKind;
using base::HostPath;

constexpr auto poll_interval = std::chrono::milliseconds(2);
constexpr auto freeze_patience = std::chrono::seconds(10);

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    while (true) {
        const auto end = text.find(separator);
        parts.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos)
            return parts;
        text.remove_prefix(end + 1);
    }
}

// mountinfo writes blanks and backslashes as \ooo.
std::string unescape(std::string_view text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 3 < text.size()) {
            result +=
                static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
            i += 3;
        } else {
            result += text[i];
        }
    }
    return result;
}

bool directory_exists(const HostPath& path) {
    struct stat status {};
    return ::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

std::vector<HostPath> groups_below(const HostPath& directory) {
    std::vector<HostPath> found;
    std::error_code gone; // a group may vanish while it is being listed
    for (std::filesystem::directory_iterator it(directory, gone), end; !gone && it != end; it.increment(gone))
        if (directory_exists(it->path()))
            found.push_back(it->path());
    return found;
}

void collect_processes(const HostPath& directory, std::set<pid_t>& pids) {
    for (const auto& below : groups_below(directory))
        collect_processes(below, pids);
    std::optional<std::string> text;
    try {
        text = base::read_file_if_exists(directory / "cgroup.procs");
    } catch (const Error&) {
        if (directory_exists(directory))
            throw;
    }
    if (!text)
        return;
    for (const auto& line : split(*text, '\n')) {
        pid_t pid = 0;
        std::from_chars(line.data(), line.data() + line.size(), pid);
        if (pid > 0) // 0: a process of a pid namespace that we cannot see
            pids.insert(pid);
    }
}

void write_control(const HostPath& file, std::string_view value) {
    const base::Fd fd = base::open_file(file, O_WRONLY);
    base::write_all(fd.get(), value, file.string());
}

/// False when it is still in use.
bool remove_groups(const HostPath& directory) {
    bool removed = true;
    for (const auto& below : groups_below(directory))
        removed = remove_groups(below) && removed;
    if (::rmdir(directory.c_str()) == 0 || errno == ENOENT)
        return removed;
    if (errno == EBUSY || errno == ENOTEMPTY)
        return false;
    throw base::system_error(errno, directory.string(), "rmdir");
}

std::string first_word(const std::string& text) {
    return text.substr(0, text.find_first_of(" \n"));
}

} // namespace

std::vector<CgroupHierarchy> find_cgroup_hierarchies(std::string_view mountinfo, const HostPath& host_root) {
    static const std::set<std::string> known = {"cpu",        "cpuacct", "cpuset", "memory",  "devices",
                                                "freezer",    "blkio",   "pids",   "net_cls", "net_prio",
                                                "perf_event", "hugetlb", "rdma",   "misc"};
    std::vector<CgroupHierarchy> found;
    std::set<std::string> seen;
    for (const auto& line : split(mountinfo, '\n')) {
        const auto dash = line.find(" - ");
        if (dash == std::string::npos)
            continue;
        const auto before = split(line.substr(0, dash), ' ');
        const auto after = split(line.substr(dash + 3), ' ');
        if (before.size() < 6 || after.size() < 3 || before[3] != "/")
            continue;
        CgroupHierarchy hierarchy;
        hierarchy.unified = after[0] == "cgroup2";
        if (!hierarchy.unified && after[0] != "cgroup")
            continue;
        hierarchy.mount_point = host_root.string() + unescape(before[4]);
        if (hierarchy.unified) {
            const auto controllers = base::read_file_if_exists(hierarchy.mount_point / "cgroup.controllers");
            for (auto name : split(controllers.value_or(""), ' ')) {
                name = first_word(name);
                if (!name.empty())
                    hierarchy.controllers.push_back(name == "io" ? "blkio" : name);
            }
        } else {
            for (const auto& option : split(after[2], ','))
                if (known.contains(option) || option.starts_with("name="))
                    hierarchy.controllers.push_back(option);
        }
        const std::string identity =
            hierarchy.unified ? "unified" : fmt::format("{}", fmt::join(hierarchy.controllers, ","));
        if (seen.insert(identity).second)
            found.push_back(std::move(hierarchy));
    }
    return found;
}

std::vector<CgroupHierarchy> host_cgroup_hierarchies() {
    return find_cgroup_hierarchies(base::read_file("/proc/self/mountinfo"));
}

std::vector<CgroupMembership> parse_proc_cgroup(std::string_view text) {
    std::vector<CgroupMembership> memberships;
    for (const auto& line : split(text, '\n')) {
        if (line.empty())
            continue;
        const auto first = line.find(':');
        const auto second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos)
            throw Error(ErrorKind::corrupt, "/proc/PID/cgroup",
                        "line \"" + line + "\" is not ID:CONTROLLERS:PATH");
        CgroupMembership membership;
        if (const auto names = line.substr(first + 1, second - first - 1); !names.empty())
            membership.controllers = split(names, ',');
        membership.path = line.substr(second + 1);
        memberships.push_back(std::move(membership));
    }
    return memberships;
}

std::string describe_cgroups(const std::vector<CgroupHierarchy>& hierarchies) {
    bool v1 = false;
    bool v2 = false;
    for (const auto& hierarchy : hierarchies)
        (hierarchy.unified ? v2 : v1) = true;
    if (v1)
        return v2 ? "cgroup v1 (hybrid)" : "cgroup v1";
    return v2 ? "cgroup v2" : "no cgroups";
}

JailCgroup::JailCgroup(std::vector<CgroupHierarchy> hierarchies, std::string path)
    : hierarchies_(std::move(hierarchies)), path_(std::move(path)) {}

bool JailCgroup::exists() const {
    return std::any_of(hierarchies_.begin(), hierarchies_.end(), [this](const CgroupHierarchy& hierarchy) {
        return directory_exists(hierarchy.mount_point.string() + path_);
    });
}

std::vector<HostPath> JailCgroup::directories() const {
    std::vector<HostPath> found;
    for (const auto& hierarchy : hierarchies_)
        if (HostPath directory = hierarchy.mount_point.string() + path_; directory_exists(directory))
            found.push_back(std::move(directory));
    return found;
}

std::vector<pid_t> JailCgroup::processes() const {
    std::set<pid_t> pids;
    for (const auto& directory : directories())
        collect_processes(directory, pids);
    return {pids.begin(), pids.end()};
}

std::optional<JailCgroup::Group> JailCgroup::group_with(std::string_view controller) const {
    for (const auto& hierarchy : hierarchies_) {
        // The unified tree always has what is not a controller there: the freezer and cpu time.
        const bool built_in = hierarchy.unified && (controller == "freezer" || controller == "cpuacct");
        const auto& names = hierarchy.controllers;
        if (!built_in && std::find(names.begin(), names.end(), controller) == names.end())
            continue;
        if (HostPath directory = hierarchy.mount_point.string() + path_; directory_exists(directory))
            return Group{std::move(directory), hierarchy.unified};
    }
    return std::nullopt;
}

void JailCgroup::set_frozen(bool frozen) const {
    const auto group = group_with("freezer");
    if (!group)
        throw Error(ErrorKind::denied, path_, "there is no freezer for it on this host");
    const HostPath control = group->directory / (group->unified ? "cgroup.freeze" : "freezer.state");
    const auto deadline = std::chrono::steady_clock::now() + freeze_patience;
    write_control(control, group->unified ? (frozen ? "1" : "0") : (frozen ? "FROZEN" : "THAWED"));
    while (is_frozen() != frozen) {
        if (std::chrono::steady_clock::now() > deadline)
            throw Error(ErrorKind::system, control.string(), frozen ? "does not freeze" : "does not thaw");
        std::this_thread::sleep_for(poll_interval);
        if (!group->unified) // version 1 has to be told again while processes are being forked
            write_control(control, frozen ? "FROZEN" : "THAWED");
    }
}

void JailCgroup::freeze() const {
    set_frozen(true);
}

void JailCgroup::thaw() const {
    set_frozen(false);
}

bool JailCgroup::is_frozen() const {
    const auto group = group_with("freezer");
    if (!group)
        return false;
    if (!group->unified)
        return first_word(base::read_file_if_exists(group->directory / "freezer.state").value_or("")) ==
               "FROZEN";
    const auto events = base::read_file_if_exists(group->directory / "cgroup.events").value_or("");
    return events.find("frozen 1") != std::string::npos;
}

void JailCgroup::signal_all(int signal_number) const {
    const bool can_freeze = group_with("freezer").has_value();
    const bool was_frozen = is_frozen();
    if (can_freeze && !was_frozen)
        freeze();
    int failed = 0;
    for (const pid_t pid : processes())
        if (::kill(pid, signal_number) != 0 && errno != ESRCH)
            failed = errno;
    if (can_freeze && !was_frozen)
        thaw();
    if (failed != 0)
        throw base::system_error(failed, path_, "kill");
}

void JailCgroup::remove(std::chrono::milliseconds patience) const {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    std::vector<HostPath> left;
    std::vector<pid_t> alive;
    while (true) {
        alive = processes();
        for (const pid_t pid : alive)
            if (::kill(pid, SIGKILL) != 0 && errno != ESRCH)
                throw base::system_error(errno, fmt::format("process {}", pid), "kill");
        // A frozen process takes the signal only when it is thawed (version 1).
        if (const auto group = group_with("freezer"); group && !alive.empty())
            write_control(group->directory / (group->unified ? "cgroup.freeze" : "freezer.state"),
                          group->unified ? "0" : "THAWED");
        left.clear();
        if (alive.empty())
            for (const auto& directory : directories())
                if (!remove_groups(directory))
                    left.push_back(directory);
        if (alive.empty() && left.empty())
            break;
        if (std::chrono::steady_clock::now() > deadline) {
            if (!alive.empty())
                throw Error(ErrorKind::system, path_,
                            fmt::format("processes do not end: {}", fmt::join(alive, ", ")));
            throw Error(ErrorKind::system, left.front().string(), "control group cannot be removed");
        }
        std::this_thread::sleep_for(poll_interval);
    }

    // The parent goes when it is empty and nobody is making a group in it.
    if (hierarchies_.empty())
        return;
    const base::Fd top = base::open_file(hierarchies_.front().mount_point, O_RDONLY | O_DIRECTORY);
    if (::flock(top.get(), LOCK_EX | LOCK_NB) != 0)
        return; // who holds it will remove the parent after its own jail
    const std::string parent = path_.substr(0, path_.rfind('/'));
    for (const auto& hierarchy : hierarchies_) {
        const HostPath directory = hierarchy.mount_point.string() + parent;
        if (!parent.empty() && ::rmdir(directory.c_str()) != 0 && errno != ENOENT && errno != ENOTEMPTY &&
            errno != EBUSY)
            throw base::system_error(errno, directory.string(), "rmdir");
    }
}

CgroupParentHold::CgroupParentHold(const std::vector<CgroupHierarchy>& hierarchies) {
    if (hierarchies.empty())
        return;
    fd_ = base::open_file(hierarchies.front().mount_point, O_RDONLY | O_DIRECTORY);
    // The other side holds it for a few microseconds. Anybody may open this directory, so we do not wait for
    // ever for a lock on it: the worst that can happen without it is one jail that has to be started again.
    for (int tries = 0; tries < 500 && ::flock(fd_.get(), LOCK_SH | LOCK_NB) != 0; ++tries)
        std::this_thread::sleep_for(poll_interval);
}

} // namespace pkgjail::confine
