// The life of a jail's service, and how the rest of pkgjail learns of it.
// clang-format off
//               launch                   first success of the probe (or, without one, alive after a moment)
//     stopped ─────────▶ starting ──────────────────────────────▶ ready ◀─────────▶ unhealthy
//        ▲                  │ exit, or grace over without success    │ exit      probe fails / succeeds again
//        │                  ▼                                        ▼
//        │               backoff ◀───────────────────────────────────┘
//        │                  │ wait over: starting; budget used up, or the policy says no: failed
//        └── stopping ◀─────┴── stop, from every state
// clang-format on
// The supervisor alone writes the state file; a reader never trusts it further than the kernel agrees: the
// supervisor's lock must be held and the recorded process must have the recorded start time.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/path.hpp"
#include "pkgjail/base/process.hpp"
#include "pkgjail/jail/limit.hpp"
#include "pkgjail/jail/profile.hpp"
#include "pkgjail/supervise/counters.hpp"

namespace pkgjail::supervise {

enum class ServiceState {
    stopped,      ///< nothing runs
    starting,     ///< runs, not yet ready
    ready,        ///< runs and answers
    unhealthy,    ///< runs, the probe fails
    backoff,      ///< ended, will be started again
    stopping,     ///< told to end
    failed,       ///< ended and will not be started again by itself
    unsupervised, ///< runs, but its supervisor is gone (killed): seen by readers only, never written
};
std::string_view state_name(ServiceState state);

/// One of the further services of a jail that has several.
struct ServicePart {
    std::string name;
    ServiceState state = ServiceState::stopped;
    std::string reason;
    std::optional<base::ProcessId> process;
    std::uint64_t restarts = 0;
    std::string last_exit;
    std::string last_probe;
};

/// What is known of a jail's service at one moment. Of a jail with several: `ready` means all of them,
/// `unhealthy` that one is not well, `failed` and `stopped` the first one's and so the jail's; the rest is
/// about the first one, with which the jail begins and ends.
struct ServiceStatus {
    ServiceState state = ServiceState::stopped;
    std::string reason; ///< why it is in this state: "exit status 1", "probe: connection refused", "stopped
                        ///< by operator", "supervisor was killed"
    std::optional<base::ProcessId> supervisor;
    std::optional<base::ProcessId> service;  ///< the jail's first process
    std::optional<base::ProcessId> followed; ///< the service itself where a pid file names it
    std::optional<base::WallTime> started_at;
    std::optional<base::WallTime> ready_at;
    std::uint64_t restarts = 0; ///< by the supervisor since it was launched
    std::string last_exit;      ///< "exit status 1", "signal 11 (Segmentation fault)"; empty: none yet
    std::string last_probe;     ///< "200 OK in 2 ms", "connection refused"
    std::vector<jail::LimitReading> limits;   ///< read back after the last start
    std::vector<ServicePart> further;         ///< the other services, in the order in which they are started
    std::uint64_t log_records_dropped = 0;    ///< like restarts, since the supervisor was launched
    std::uint64_t syslog_records_dropped = 0; ///< not taken by the host's log, and kept in the jail's
    Sums sums;                                ///< see read_counters()
    std::string driver;                       ///< DriverInfo::detail
    /// What this profile denies is not denied, but learned; see learned.hpp. Of what ran last, if nothing
    /// does.
    std::optional<jail::Profile> learning;
};

/// Reads RUN/state.json and checks it against the kernel. Never throws for a missing or damaged file: that is
/// `stopped`, or what the kernel shows, with the reason saying so.
ServiceStatus read_status(const base::HostPath& run_directory);

} // namespace pkgjail::supervise
