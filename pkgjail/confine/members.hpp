// The processes of one jail on Linux: those of its control groups where the jail has them in every tree, else
// those of its process namespace. An ordinary user has control groups only where somebody delegated them.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "pkgjail/confine/cgroup.hpp"

namespace pkgjail::confine {

class Members {
  public:
    /// Found by control groups.
    explicit Members(JailCgroup cgroup) : cgroup_(std::move(cgroup)) {}
    /// Found by the namespace of the first process (nullopt: it has ended, and with it all others). `cgroup`
    /// has what was delegated, for limits and figures.
    Members(JailCgroup cgroup, std::optional<base::ProcessId> first)
        : cgroup_(std::move(cgroup)), by_namespace_(true), first_(first) {}

    const JailCgroup& cgroup() const { return cgroup_; }
    bool exists() const;
    std::vector<pid_t> processes() const;
    void signal_all(int signal_number) const;
    void freeze() const;
    void thaw() const;
    bool is_frozen() const;
    /// As JailCgroup::remove().
    void remove(std::chrono::milliseconds patience) const;
    Usage usage() const;

  private:
    void stop_all() const;

    JailCgroup cgroup_;
    bool by_namespace_ = false;
    std::optional<base::ProcessId> first_;
};

/// The trees of control groups in which the calling user may make groups, from the group that we are in
/// upwards as far as that goes; each with this directory in the place of its mount point.
std::vector<CgroupHierarchy> delegated_hierarchies(const std::vector<CgroupHierarchy>& all);

/// Makes the groups of a jail and puts its first process there. A tree that does not take it is left out of
/// what is returned.
std::vector<CgroupHierarchy> join_delegated(const std::vector<CgroupHierarchy>& delegated,
                                            const std::string& path, pid_t first);

} // namespace pkgjail::confine
