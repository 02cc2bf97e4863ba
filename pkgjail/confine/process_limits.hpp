// Resource limits of single processes (setrlimit(2)), of processes that are not our own.
#pragma once

#include <cstdint>
#include <optional>

#include <sys/types.h>

#include "pkgjail/jail/limit.hpp"

namespace pkgjail::confine {

/// "RLIMIT_NOFILE" for files, "RLIMIT_CORE" for core, "RLIMIT_STACK" for stack; nullptr for other kinds.
const char* rlimit_name(jail::LimitKind kind);

/// Soft and hard limit; ~0: none.
struct ProcessLimit {
    std::uint64_t soft = 0;
    std::uint64_t hard = 0;
};
/// From /proc/PID/limits, which everybody may read (prlimit(2) asks for CAP_SYS_RESOURCE as soon as the
/// process has another user). Unset: the process is gone.
std::optional<ProcessLimit> process_limit(pid_t pid, jail::LimitKind kind);
/// Sets both, of any process. False when it is gone. Error{denied} when the kernel refuses.
bool set_process_limit(pid_t pid, jail::LimitKind kind, std::uint64_t value);
/// Whether the kernel lets us set limits of processes of other users, and raise them.
bool may_set_process_limits();

} // namespace pkgjail::confine
