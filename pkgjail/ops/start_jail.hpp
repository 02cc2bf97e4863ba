// Starting and stopping within an operation: what `install`, `start`, `restart`, `remove` share.
#pragma once

#include <string>

#include "pkgjail/ops/session.hpp"
#include "pkgjail/supervise/service_state.hpp"

namespace pkgjail::ops {

bool is_running(const supervise::ServiceStatus& status);

/// Launches the supervisor and returns when the service is ready. The caller holds the jail's lock. Throws as
/// ops::start does; a service that does not get ready is stopped again, so that nothing is left half-running.
supervise::ServiceStatus start_jail(Session& session, const catalog::Jail& jail);
/// False when nothing ran.
bool stop_jail(Session& session, const catalog::Jail& jail);

} // namespace pkgjail::ops
