// What a jail has used over all its starts. The kernel's figures end with the jail's control groups, so the
// supervisor adds them up when a run ends and keeps the sums in the state file: they go on over restarts of
// the service, of the supervisor and of pkgjail.
//
// A sum never goes down by a part. A reader that sees a counter fall takes it for one that began anew at
// zero, and would count all of it a second time. So where the figures of a run are lost (the host went down,
// somebody removed the control groups) the sums begin at zero again; and while a run's figures are on their
// way into the sums they are not told at all:
//
//     run goes on          sums + kernel's figures
//     closing is written   nothing: the kernel's figures may still grow
//     counted is written   sums, which hold this run now
//     jail is removed
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "pkgjail/base/path.hpp"
#include "pkgjail/base/process.hpp"
#include "pkgjail/confine/driver.hpp"

namespace pkgjail::supervise {

struct RecordedStatus;

/// Unset: this host cannot tell, or not at this moment.
struct Counters {
    std::optional<std::uint64_t> cpu_usec;
    std::optional<std::uint64_t> throttled_usec;
    std::optional<std::uint64_t> io_read_bytes;
    std::optional<std::uint64_t> io_write_bytes;
    std::optional<std::uint64_t> net_in_bytes; ///< over a private network
    std::optional<std::uint64_t> net_out_bytes;
    std::optional<std::uint64_t> memory_limit_hits;
    std::optional<std::uint64_t> memory_kills;
    std::optional<std::uint64_t> process_limit_hits;
    std::uint64_t restarts = 0; ///< by supervisors
    std::uint64_t log_records_dropped = 0;
    std::uint64_t syslog_records_dropped = 0;

    void add(const confine::Usage& usage);
    /// The sums of what the kernel counts begin anew.
    void forget_usage();
};

/// As the state file has it.
struct Sums {
    Counters ended;                         ///< of the runs that are over
    std::optional<base::ProcessId> counted; ///< first process of the last run that is in them
    bool closing = false;                   ///< the present run is being added
};

/// Adds the present run to the sums, if it is not in them: before its jail is removed. `write` puts
/// `recorded` into the state file.
void close_run(RecordedStatus& recorded, const std::function<void()>& write,
               const std::function<confine::Usage()>& usage) noexcept;

/// What a new supervisor begins with. A run that nobody counted makes the kernel's figures begin at zero.
Counters carried_over(const base::HostPath& run_directory);

/// The counters of a jail at this moment. `usage` asks the kernel; what it throws leaves the kernel's figures
/// unset.
Counters read_counters(const base::HostPath& run_directory, const std::function<confine::Usage()>& usage);

} // namespace pkgjail::supervise
