// Changing the limits of a jail that runs: the module's own for the jail as a whole, rlimits process by
// process.
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/confine/driver_kmod.hpp"
#include "pkgjail/confine/kmod_request.hpp"

namespace pkgjail::confine {
namespace {

using base::Error;
using base::ErrorKind;
using jail::LimitKind;

constexpr int rounds = 20; ///< until no process was forked with the old limit meanwhile

struct OfProcess {
    LimitKind kind;
    unsigned number;
};
constexpr OfProcess of_process[] = {{LimitKind::files, PKGJAIL_RLIMIT_NOFILE},
                                    {LimitKind::core, PKGJAIL_RLIMIT_CORE},
                                    {LimitKind::stack, PKGJAIL_RLIMIT_STACK}};

Error denied(LimitKind kind, std::string cause) {
    return Error(ErrorKind::denied, fmt::format("limit {}", jail::limit_name(kind)), std::move(cause),
                 "stop the jail, change the limit, and start it");
}

void check_memory(const pkgjail_limits& wanted, const pkgjail_stat& present) {
    const bool lower = wanted.memory_bytes != 0 && (present.limits.memory_bytes == 0 ||
                                                    wanted.memory_bytes < present.limits.memory_bytes);
    if (lower && present.memory_bytes > wanted.memory_bytes)
        throw denied(LimitKind::memory,
                     fmt::format("{} are in use, and at {} processes would be killed",
                                 jail::format_limit(LimitKind::memory, present.memory_bytes),
                                 jail::format_limit(LimitKind::memory, wanted.memory_bytes)));
}

} // namespace

/// Children inherit, so a round in which nothing changed has reached all.
void KmodDriver::set_for_all(const pkgjail_ref& ref, const std::string& handle, LimitKind kind,
                             unsigned number, const ProcessRlimit& wanted) {
    const auto changed = [&](pid_t pid) {
        ProcessRlimit before, after;
        int error = host_->read_rlimit(pid, number, before);
        if (error == 0 && before == wanted)
            return false;
        if (error == 0)
            error = host_->set_rlimit(pid, number, wanted);
        if (error == 0)
            error = host_->read_rlimit(pid, number, after);
        if (error == ESRCH)
            return false;
        if (error != 0)
            throw denied(kind, fmt::format("process {}: {}", pid, std::strerror(error)));
        return before != after; // the kernel may give less than what was asked for
    };
    for (int round = 0; round < rounds; ++round) {
        bool any = false;
        for (const pid_t pid : control_.members(ref, handle))
            any = changed(pid) || any;
        if (!any)
            return;
    }
    throw Error(ErrorKind::system, fmt::format("limit {}", jail::limit_name(kind)),
                "the jail makes new processes faster than they can be given it");
}

void KmodDriver::set_limits(const JailSpec& spec, const base::HostPath& run_directory) {
    const pkgjail_limits limits = kmod_limits(spec); // says what cannot be, before anything is done
    const pkgjail_ref ref = running(spec.handle).ref;
    check_memory(limits, control_.measure(ref, spec.handle));
    control_.set_limits(ref, limits, spec.handle);
    write_network_lines(spec, run_directory);
    for (const auto& [kind, number] : of_process) {
        ProcessRlimit wanted{limits.rlimit[number], limits.rlimit[number]};
        if ((limits.rlimit_mask & 1u << number) == 0)
            if (const int error = host_->read_rlimit(0, number, wanted); error != 0)
                throw denied(kind, fmt::format("our own cannot be read: {}", std::strerror(error)));
        set_for_all(ref, spec.handle, kind, number, wanted);
    }
}

} // namespace pkgjail::confine
