// start, stop, restart, reload, destroy.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/base/error.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/supervise/service_state.hpp"
#include "pkgjail/supervise/supervisor.hpp"

namespace pkgjail::ops {

struct LifecycleResult {
    std::string jail;
    bool changed = false; ///< false: it was so already
    supervise::ServiceStatus status;
    std::string because;              ///< not asked for, but necessary for this jail, which was
    std::optional<base::Error> error; ///< set: it was not done
};
/// For a jail that is to learn: of which profile. Unset: of the next stricter one than its own, or its own
/// where there is none.
struct LearnRequest {
    std::optional<jail::Profile> profile;
};
/// Told of each jail as soon as it is known what became of it.
using Told = std::function<void(const LifecycleResult& result)>;

/// Starts each of the jails, and before it what it requires, each as soon as what it requires is ready and
/// Config::parallel at the same time. A jail is told of when it is ready. Its error is Error{unhealthy} with
/// the reason and the last log lines when it, or what it requires, does not get there, Error{conflict} when a
/// claimed port is taken, Error{not_found}, Error{denied} (no driver), Error{configuration} (no service: the
/// jail has no recipe; jails that require each other).
///
/// With `learn` they learn (not those that they require), which is Error{conflict} for one that runs and does
/// not learn from this profile, Error{usage} for a profile weaker than its own, and Error{configuration}
/// where no jail can.
void start(const Context& context, const std::vector<std::string>& jails, const Told& told,
           const std::optional<LearnRequest>& learn = {});
/// Stops each of the jails, those that require others before them. One that others require which run and are
/// not among `jails` is Error{conflict}, unless `dependents`: then they are stopped as well. With
/// `keep_wanted` they are meant to run all the same: the host is shut down.
void stop(const Context& context, const std::vector<std::string>& jails, bool dependents, const Told& told,
          bool keep_wanted = false);
/// Jails that run and require this one are stopped before and started after.
LifecycleResult restart(const Context& context, const std::string& jail,
                        const std::optional<LearnRequest>& learn = {});
/// A failed service counts as stopped, and is not meant to run any more.
LifecycleResult reset_failed(const Context& context, const std::string& jail);
LifecycleResult reload(const Context& context, const std::string& jail);
/// Of `jails` those that start() and restart() can do something for: without those that have no service.
/// Whatever cannot be looked at stays, to fail by its name.
std::vector<std::string> with_service(const Context& context, const std::vector<std::string>& jails);
/// Of `jails` those that reload() can do something for: that run, with a reload signal.
std::vector<std::string> with_reload(const Context& context, const std::vector<std::string>& jails);
/// The same of one of several services of a jail that runs; the others go on. `changed` is false where it was
/// so already. Error{conflict} for the first service, with which the jail ends, for one that is not there and
/// for a jail that does not run (which is no error of stop); Error{unhealthy} when it does not get ready.
LifecycleResult ask_service(const Context& context, const std::string& jail, const std::string& service,
                            supervise::ServiceVerb verb);
/// Stops it, removes its root and configuration, forgets it in the catalog; its data stays unless
/// `with_data`. Images that nothing refers to any more go as well. Asks first when data is to be removed.
/// A jail with snapshots is Error{conflict} without `with_data`; with it they go as well. So is a jail that
/// another one requires which runs.
LifecycleResult destroy(const Context& context, const std::string& jail, bool with_data);

/// `jails` such that each comes before those that it requires: the order for destroy. Names that are no jails
/// stay where they are.
std::vector<std::string> dependents_first(const Context& context, const std::vector<std::string>& jails);

} // namespace pkgjail::ops
