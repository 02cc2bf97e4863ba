// Resource limits: what they are called, in which unit they are, where a value came from, and what the kernel
// made of it. Enforcing and reading back is confine/'s.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/path.hpp"
#include "pkgjail/jail/config_file.hpp"

namespace pkgjail::jail {

/// cpu: hundredths of one CPU (150 is one and a half). memory, disk, core, stack: bytes. processes, files:
/// counts (files: open descriptors a process). io-read, io-write, net-in, net-out: bytes a second.
enum class LimitKind { cpu, memory, processes, files, io_read, io_write, net_in, net_out, disk, core, stack };

inline constexpr std::array<LimitKind, 11> all_limit_kinds = {
    LimitKind::cpu,     LimitKind::memory,   LimitKind::processes, LimitKind::files,
    LimitKind::io_read, LimitKind::io_write, LimitKind::net_in,    LimitKind::net_out,
    LimitKind::disk,    LimitKind::core,     LimitKind::stack};

std::string_view limit_name(LimitKind kind); ///< "io-read"
std::optional<LimitKind> find_limit(std::string_view name);
/// For people: "150%", "256M", "64", "10M/s".
std::string format_limit(LimitKind kind, std::uint64_t value);

/// One wanted limit. Unset in a set of limits: no ceiling.
struct Limit {
    std::uint64_t value = 0;
    std::string source; ///< "template web", "recipe nginx", "command line"
};

/// The limits of one jail.
struct Limits {
    std::map<LimitKind, Limit> wanted;
    /// `require = enforced`: a start fails unless every limit is enforced by the kernel. `require = any`: it
    /// does not.
    bool require_enforced = false;
};

/// Host figures that percentages refer to.
struct HostTerms {
    std::uint64_t memory_bytes = 0;
    unsigned cpus = 1;
};
/// This host's.
HostTerms host_terms();

/// One value as written: "200%" for cpu (100% is one CPU); "256M", or "25%" of the host's memory, for memory;
/// "256M" for disk, core and stack; "10M" or "10M/s" for the rates; "64" for processes and files; nullopt for
/// "none", which is no ceiling. Throws Error{configuration} with what is allowed.
std::optional<std::uint64_t> parse_limit(LimitKind kind, std::string_view text, const HostTerms& host,
                                         const Position& where);

/// One setting of a recipe or of the operator's on top of what there is: a limit's name, or "require". Throws
/// Error{configuration} at the setting; for one from a command line that is Setting{"memory", "25%",
/// {"--limit"}}.
void override_limit(Limits& limits, const Setting& setting, const HostTerms& host, std::string_view source);

/// A template of limits.d, "web" is limits.d/web.limits. What it `inherit`s comes first, its own settings
/// replace that. A cycle or a missing parent is Error{configuration} with the chain. Directories are tried in
/// order, first hit wins. Error{not_found} names the template and lists those there are.
Limits load_limits(const std::vector<base::HostPath>& directories, const std::string& name,
                   const HostTerms& host);
/// The templates there are, by name.
std::vector<std::string> list_limits(const std::vector<base::HostPath>& directories);
/// Files that nothing reads because of their names; see search.hpp.
std::vector<base::Error> misnamed_limits(const std::vector<base::HostPath>& directories);

/// How sure a limit is, read back from the kernel.
enum class Enforcement { enforced, advisory, unavailable };
std::string_view enforcement_name(Enforcement enforcement);

/// A limit as it is in force.
struct LimitReading {
    LimitKind kind = LimitKind::cpu;
    std::uint64_t wanted = 0;
    std::optional<std::uint64_t> effective; ///< what the kernel says; unset where it says nothing
    Enforcement enforcement = Enforcement::unavailable;
    std::string mechanism; ///< "cgroup v1 memory.limit_in_bytes", "rlimit"; or why it is unavailable
};

} // namespace pkgjail::jail
