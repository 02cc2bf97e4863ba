// Changing the limits of a jail that runs: control groups for the jail as a whole, rlimits process by
// process.
#ifdef __linux__

#include <limits>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/confine/disk_limit.hpp"
#include "pkgjail/confine/driver_oci.hpp"
#include "pkgjail/confine/driver_oci_parts.hpp"
#include "pkgjail/confine/process_limits.hpp"

namespace pkgjail::confine {
namespace {

using base::Error;
using base::ErrorKind;
using jail::LimitKind;

constexpr int rounds = 20; ///< until no process was forked with the old limit meanwhile

bool has_other_limit(pid_t pid, LimitKind kind, std::uint64_t value) {
    const auto present = process_limit(pid, kind);
    return present && present->hard != value;
}

/// Children inherit, so a round in which nothing had to be changed has reached all.
void set_for_all(const Members& members, LimitKind kind, std::uint64_t value) {
    for (int round = 0; round < rounds; ++round) {
        bool changed = false;
        for (const pid_t pid : members.processes())
            if (has_other_limit(pid, kind, value))
                changed = set_process_limit(pid, kind, value) || changed;
        if (!changed)
            return;
    }
    throw Error(ErrorKind::system, fmt::format("limit {}", jail::limit_name(kind)),
                "the jail makes new processes faster than they can be given it");
}

} // namespace

void OciDriver::set_limits(const JailSpec& spec, const base::HostPath& run_directory) {
    const auto members = running_members(spec.handle, run_directory);
    const auto& cgroup = members.cgroup();
    const auto wanted = [&](LimitKind kind) -> std::optional<std::uint64_t> {
        const auto found = spec.limits.wanted.find(kind);
        return found == spec.limits.wanted.end() ? std::nullopt : std::optional(found->second.value);
    };
    const auto wanted_of_process = [&](LimitKind kind) {
        const std::uint64_t none =
            kind == LimitKind::core ? 0 : std::numeric_limits<std::uint64_t>::max(); // as at a start
        return rlimit_to_ask(kind, wanted(kind).value_or(none), host_);
    };
    constexpr LimitKind of_process[] = {LimitKind::files, LimitKind::core, LimitKind::stack};

    // Rlimits cannot be set back without the capability, so without it nothing is begun.
    if (!may_set_process_limits())
        for (const LimitKind kind : of_process)
            for (const pid_t pid : members.processes())
                if (has_other_limit(pid, kind, wanted_of_process(kind)))
                    throw Error(ErrorKind::denied, fmt::format("limit {}", jail::limit_name(kind)),
                                "changing it while the jail runs takes CAP_SYS_RESOURCE, which pkgjail does "
                                "not have on this host",
                                "stop the jail, change the limit, and start it");
    for (const LimitKind kind :
         {LimitKind::cpu, LimitKind::memory, LimitKind::processes, LimitKind::io_read, LimitKind::io_write})
        cgroup.set_limit(kind, wanted(kind), host_.state_disk, host_.swap_limit);
    for (const LimitKind kind : of_process)
        set_for_all(members, kind, wanted_of_process(kind));
    if (const auto first = first_process(run_directory); first && spec.network == jail::NetworkMode::private_)
        networks_.set_rates(spec, *first);
    if (!spec.storage.empty())
        set_disk_limit(spec.storage, wanted(LimitKind::disk));
}

} // namespace pkgjail::confine

#endif
