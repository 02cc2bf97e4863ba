// Control groups of Linux as this host has them: version 1 (a tree a controller), version 2 (one tree), or
// both. Finding a jail's groups, reading usage and limits back, signalling and clearing away everything in
// them.
//
// Paths can be set below a directory, so that recorded trees can be read in tests.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "pkgjail/base/path.hpp"
#include "pkgjail/confine/driver.hpp"

namespace pkgjail::confine {

/// Within so long a jail gets its share of processor time.
inline constexpr std::uint64_t cpu_period_usec = 100'000;

/// How it ends that a limit on memory below what is in use is refused.
inline constexpr std::string_view cannot_give_back = "and cannot give it back";

/// One mounted tree of control groups.
struct CgroupHierarchy {
    base::HostPath mount_point;
    bool unified = false;                 ///< version 2
    std::vector<std::string> controllers; ///< version 1 names; for the unified tree "io" is listed as "blkio"
                                          ///< and "cpu" stands for itself
};

/// The trees in a mountinfo text. `host_root` is put before every mount point. Only trees mounted at their
/// top ("/") count, and of several mounts of one the first.
std::vector<CgroupHierarchy> find_cgroup_hierarchies(std::string_view mountinfo,
                                                     const base::HostPath& host_root = {});
/// Of this host.
std::vector<CgroupHierarchy> host_cgroup_hierarchies();

/// One line of /proc/PID/cgroup.
struct CgroupMembership {
    std::vector<std::string> controllers; ///< empty: the unified tree
    std::string path;
};
/// Throws Error{corrupt} for a line that is none.
std::vector<CgroupMembership> parse_proc_cgroup(std::string_view text);

/// "cgroup v1", "cgroup v2", "cgroup v1 (hybrid)", "no cgroups".
std::string describe_cgroups(const std::vector<CgroupHierarchy>& hierarchies);

/// The groups of one jail: the directory `path` in every tree where it exists.
class JailCgroup {
  public:
    JailCgroup(std::vector<CgroupHierarchy> hierarchies, std::string path);

    /// The directories that exist now.
    std::vector<base::HostPath> directories() const;
    bool exists() const;
    /// Everything in any of them and below, each process once, in order.
    std::vector<pid_t> processes() const;

    Usage usage() const;
    /// What the kernel holds for a limit that cgroups enforce; `value` unset where there is no ceiling or no
    /// such file. `disk` as "254:0".
    struct Reading {
        std::optional<std::uint64_t> value;
        std::string mechanism; ///< "cgroup v1 memory.limit_in_bytes"; empty: no controller for it here
    };
    Reading limit(jail::LimitKind kind, const std::string& disk) const;
    /// Sets a limit that cgroups enforce, or lifts it (no value). `swap_too`: memory and swap together are
    /// held to it. False when there is no controller for it here. Error{denied} when the kernel refuses.
    bool set_limit(jail::LimitKind kind, std::optional<std::uint64_t> value, const std::string& disk,
                   bool swap_too) const;

    /// Stops or continues all processes; returns when the kernel says so. Throws Error{denied} where there is
    /// no freezer.
    void freeze() const;
    void thaw() const;
    bool is_frozen() const;
    /// To every process; with a freezer none is missed that is just being forked.
    void signal_all(int signal_number) const;
    /// Kills until nothing is left, then removes the directories, and the common parent when it is empty.
    /// Throws Error{system} naming what is still there after `patience`.
    void remove(std::chrono::milliseconds patience) const;

  private:
    struct Group {
        base::HostPath directory;
        bool unified;
    };
    std::optional<Group> group_with(std::string_view controller) const;
    void set_frozen(bool frozen) const;

    std::vector<CgroupHierarchy> hierarchies_;
    std::string path_;
};

/// Keeps the common parent directory of all jails' groups from being removed by another pkgjail while a
/// runtime makes a group in it.
class CgroupParentHold {
  public:
    explicit CgroupParentHold(const std::vector<CgroupHierarchy>& hierarchies);

  private:
    base::Fd fd_;
};

} // namespace pkgjail::confine
