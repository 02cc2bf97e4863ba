// Starting and stopping within an operation: what `install`, `start`, `restart`, `upgrade` share.
#pragma once

#include <string>

#include "pkgjail/ops/session.hpp"
#include "pkgjail/supervise/service_state.hpp"

namespace pkgjail::ops {

bool is_running(const supervise::ServiceStatus& status);

enum class Gate {
    ready, ///< done when the service is ready
    quiet, ///< and then stays so for the recipe's quiet period: any exit in it is a failure
};

/// Launches the supervisor and returns when the service has passed the gate. The caller holds the jail's
/// lock. Throws as ops::start does; a service that does not get there is stopped again, so that nothing is
/// left half-running.
supervise::ServiceStatus start_jail(Session& session, const catalog::Jail& jail, Gate gate = Gate::ready);
/// False when nothing ran.
bool stop_jail(Session& session, const catalog::Jail& jail);

} // namespace pkgjail::ops
