// What the kernel tells of a process of this host: for showing, not for deciding.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace pkgjail::base {

struct ProcessFacts {
    pid_t pid = 0;
    pid_t inner_pid = 0; ///< its number in its own view of processes; the same where it has none
    std::uint32_t uid = 0;
    std::uint64_t memory_bytes = 0; ///< resident
    std::uint64_t cpu_usec = 0;     ///< in user and kernel mode
    std::string name;               ///< short, as the kernel keeps it
    std::vector<std::string>
        command; ///< at most 4 KiB of it, set by the process as it likes; empty: not to be had
};
/// nullopt when there is no such process any more.
std::optional<ProcessFacts> describe_process(pid_t pid);

} // namespace pkgjail::base
