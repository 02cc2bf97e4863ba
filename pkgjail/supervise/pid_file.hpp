// Which process a pid file names, and whether it may be believed. Whoever is root in the jail writes the file
// and can put anything there: it is opened through the jail's own root without following links, must be a
// small regular file written since the service was started, and must name, in the numbers that the jail sees,
// a process that is in the jail now. More than the jail's own processes it can thus never reach.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/path.hpp"
#include "pkgjail/base/process.hpp"
#include "pkgjail/confine/driver.hpp"

namespace pkgjail::supervise {

struct PidFileAnswer {
    std::optional<base::ProcessId> process;
    pid_t inner_pid = 0;
    std::string refusal; ///< not empty: why there is no process: "is not there", "is empty"
};

/// Looks once. `first` is the jail's first process, which is no service; a file last changed before
/// `started` is of an earlier run. Never throws for what is in the jail.
PidFileAnswer look_at_pid_file(const confine::Driver& driver, const std::string& handle,
                               const base::HostPath& run_directory, const std::string& path,
                               const base::ProcessId& first, base::WallTime started);

/// The number that a pid file holds, or why it holds none. Pure.
struct PidFileNumber {
    pid_t pid = 0;
    std::string refusal;
};
PidFileNumber parse_pid_file(std::string_view text);

} // namespace pkgjail::supervise
