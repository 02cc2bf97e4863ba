// One small supervisor process a jail: starts the service through confine, waits for it, restarts it within
// its budget, asks its probe, carries its output into the log, and answers on a control socket. It is the
// program pkgjail-supervisor; no OCI runtime and no pkgjail command stays resident.
//
// The loop is noexcept: an Error becomes a state (failed, with the reason) and a line in the log.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/path.hpp"
#include "pkgjail/confine/driver.hpp"
#include "pkgjail/jail/notify.hpp"
#include "pkgjail/jail/recipe.hpp"
#include "pkgjail/supervise/service_state.hpp"

namespace pkgjail::supervise {

/// A second, third … service in the same jail.
struct FurtherServiceSpec {
    jail::Service service; ///< with its health
    confine::Identity identity;
    std::map<std::string, std::string> environment; ///< all of it
};

/// All that a supervisor is told, written by launch() as RUN/service.json.
struct SupervisedService {
    confine::JailSpec spec; ///< with the service's command
    jail::Service service;  ///< restart policy, signals
    jail::Health health;
    std::vector<FurtherServiceSpec> further; ///< started after it, each when the one before is ready
    /// Whether one of them has a reload signal.
    bool can_reload() const;
    base::HostPath state_directory; ///< for open_driver
    std::string runtime;            ///< configured OCI runtime, may be empty
    base::HostPath log_file;
    std::uint64_t log_max_bytes = 16ull << 20;
    unsigned log_files = 4;
    std::optional<int> syslog_facility; ///< as in <syslog.h>; unset: nothing goes there
    jail::Notify notify;
    /// Somebody waits for the first start: an end before the service has ever been ready is final, whatever
    /// the restart policy says.
    bool attended = false;
};

/// Starts `program` (pkgjail-supervisor) for this run directory (made 0700 when missing), detached in a
/// session of its own. Returns when the supervisor holds its lock and answers; what it could not do before
/// that (no driver, what a dead supervisor left cannot be removed) is thrown here. A live supervisor already
/// there is Error{conflict}; what a dead one left (jail, socket) is cleared away by the new one.
void launch(const base::HostPath& program, const base::HostPath& run_directory,
            const SupervisedService& service);

/// Waits until the service is ready, or is failed, or `patience` is over; returns the status then seen. Told
/// by the supervisor at the change, not by looking again and again.
ServiceStatus wait_until_settled(const base::HostPath& run_directory, std::chrono::milliseconds patience);

/// Tells the supervisor to end the service (stop signal, time-out, kill of everything in the jail) and
/// itself; returns when both are gone and the kernel has no trace of the jail. Where the supervisor is dead
/// it does the same by itself; where it listens nowhere any more, it is told by a signal. Not running:
/// nothing to do, returns false. Error{busy} when the supervisor does not answer or end.
bool stop(const base::HostPath& run_directory);
/// For tests: with this driver, where the supervisor is dead.
bool stop(const base::HostPath& run_directory, confine::Driver& driver);
/// Where a supervisor cannot be told anything, because its control socket is gone: Error{conflict} with what
/// helps.
std::optional<base::Error> lost_socket(const base::HostPath& run_directory);
/// Where the service has ended and its supervisor, which has not noticed, does not answer: Error{busy} with
/// what helps. `status` is what read_status() has given; where the supervisor was only slow, it is read anew.
std::optional<base::Error> unnoticed_end(const base::HostPath& run_directory, ServiceStatus& status);
/// Makes `failed` in the state file `stopped`, with what it failed with as the reason. False when it is
/// something else.
bool reset_failed(const base::HostPath& run_directory);
/// Sends the reload signal to the first process of the service, and of each of several that has one.
/// Error{conflict} when it is not running or has none.
void reload(const base::HostPath& run_directory);
/// What is asked of one of several services, by its name.
enum class ServiceVerb { start, stop, restart, reload };
/// Returns when it is done: ready, stopped, told. False when it was so already. Error{conflict} when the jail
/// has no supervisor, or the supervisor says that it cannot be; Error{busy} when that does not answer;
/// Error{unhealthy} when the service did not get there within `patience`, or failed.
bool ask_service(const base::HostPath& run_directory, const std::string& service, ServiceVerb verb,
                 std::chrono::milliseconds patience);
/// Puts other limits in force for the service that runs, and for its restarts. Nothing runs: false, and
/// nothing is done. Error{denied} when the kernel refuses one, with the former limits in force again;
/// Error{conflict} when the service has lost its supervisor; Error{busy} when that does not answer within
/// `patience`: then it may still put them in force.
bool change_limits(const base::HostPath& run_directory, const jail::Limits& limits,
                   std::chrono::milliseconds patience = std::chrono::minutes(2));

/// The supervisor itself, called by pkgjail-supervisor's main with the run directory. Tells launch() through
/// descriptor 1 how it went. Returns the exit status: 0 the service was stopped, 1 it failed or could not be
/// supervised.
///
/// When the service has failed, the supervisor ends as well, leaving no jail: the state file then says
/// `failed` with the reason, and a free lock beside any other state says that the supervisor was killed.
int run_supervisor(const base::HostPath& run_directory) noexcept;
/// For tests: with this driver, in this process.
int run_supervisor(const base::HostPath& run_directory, confine::Driver& driver) noexcept;

} // namespace pkgjail::supervise
