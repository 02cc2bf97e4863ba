// start, stop, restart, reload, destroy: one jail at a time; cli goes over several.
#pragma once

#include <string>

#include "pkgjail/ops/session.hpp"
#include "pkgjail/supervise/service_state.hpp"

namespace pkgjail::ops {

struct LifecycleResult {
    std::string jail;
    bool changed = false; ///< false: it was so already
    supervise::ServiceStatus status;
};

/// Returns when the service is ready. Throws Error{unhealthy} with the reason and the last log lines when it
/// does not get there, Error{conflict} when a claimed port is taken, Error{not_found}, Error{denied} (no
/// driver), Error{configuration} (no service: the jail has no recipe).
LifecycleResult start(const Context& context, const std::string& jail);
LifecycleResult stop(const Context& context, const std::string& jail);
LifecycleResult restart(const Context& context, const std::string& jail);
LifecycleResult reload(const Context& context, const std::string& jail);
/// Stops it, removes its root and configuration, forgets it in the catalog; its data stays unless
/// `with_data`. Images that nothing refers to any more go as well. Asks first when data is to be removed.
/// A jail with snapshots is Error{conflict} without `with_data`; with it they go as well.
LifecycleResult destroy(const Context& context, const std::string& jail, bool with_data);

/// Forgets and deletes images that no generation and no snapshot refers to any more.
void remove_unreferenced_images(Session& session);

} // namespace pkgjail::ops
