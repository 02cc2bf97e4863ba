// Changing what an existing jail runs: what `install -j`, `remove`, `upgrade` and `rollback` share. The
// service is down between two steps that are written down, and a new generation that does not pass its gate
// is put back.
//
// The note in the catalog (Jails::set_operation) says how far a command is, for the next one to finish or
// undo (recover.hpp):
//     "switch"        the old generation is current, the service may be stopped; or the new one is, which is
//                     not to be started
//     "start OLD"     the new generation is current and not proven; OLD is what to go back to
//     "restart"       a restart is under way
// and on a jail that requires it: Dependents::note.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/ops/make_image.hpp"
#include "pkgjail/ops/records.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/supervise/service_state.hpp"

namespace pkgjail::ops {

/// Adds a newly built image to the catalog; part of the caller's transaction.
void record_image(catalog::Catalog& catalog, const MadeImage& made);
/// A generation made by the present command.
catalog::Generation generation_of(const Context& context, const std::string& image_id,
                                  std::vector<std::string> wishes);
/// The jail's jail.json as the catalog has the jail now; untouched where it says so already. After every
/// commit that changes what is in it.
void write_record(Session& session, const std::string& jail_id);
/// The same where a service waits to be started, which nothing may prevent: a failure is said, and the next
/// command writes it. `after` is the step that was reached (base/step.hpp).
void try_to_write_record(Session& session, const std::string& jail_id, std::string_view after);
/// The settings in each snapshot.json of the jail's as the catalog has them; an older pkgjail wrote none.
/// Where the rest is of another snapshot, it is left for `catalog check` to tell.
void write_snapshot_settings(Session& session, const catalog::Jail& jail);

using Settings = std::map<std::string, std::string>;
/// The jail as it is with these settings: what it claims with them too. The catalog is not changed.
catalog::Jail with_settings(Session& session, catalog::Jail jail, const Settings& settings);
/// Error{conflict} where another jail has a port by now that this one is to have again. Asked before anything
/// is done, and once more by the transaction that makes it so.
void require_claims_free(catalog::Catalog& catalog, const catalog::Jail& jail);

/// Whether it has a service that is wanted to run.
bool is_to_run(Session& session, const catalog::Jail& jail);

struct Switched {
    catalog::Jail jail; ///< as it is now
    bool started = false;
    std::optional<supervise::ServiceStatus> status; ///< when it is meant to run
};

/// Error{conflict} where a note hinders both of the following (not_put_right). Asked by them, and by whoever
/// fetches and builds for them before that.
void require_switchable(const catalog::Jail& jail);

/// Stops the jail where it runs, makes the configuration of a new generation from the present one and the new
/// image's seed, makes that generation current, and starts it where it ran before or is meant to run. When it
/// does not pass the gate: the old generation is made current and started again, and Error{unhealthy} says
/// what happened to both. Jails that run and require this one are taken down before and brought up after,
/// also on the way back; that their services come up belongs to the gate.
/// With `settings` the jail has those from the new generation on, and its configuration is rendered with
/// them.
Switched switch_image(Session& session, const catalog::Jail& before, const MadeImage& made,
                      std::vector<std::string> wishes,
                      const std::optional<std::map<std::string, std::string>>& settings = std::nullopt);

/// The same to a generation that the jail had before: image and configuration, never data.
Switched switch_back(Session& session, const catalog::Jail& before, std::int64_t generation);

/// A jail that was to be stopped for something that failed: runs again, where it should and does not. Why it
/// cannot is warned of, and not thrown over the failure. False when its note is to stay
/// (is_worth_another_try), also where it is still on its way down.
bool start_again(Session& session, const catalog::Jail& jail);

/// For recovery of a jail whose current generation is noted as not proven ("start OLD"): watches it for what
/// is left of its quiet period where a dead command has got it ready, and nobody requires it. Otherwise stops
/// what was left half-started, starts that generation, and puts `old` back if it fails.
Switched prove(Session& session, const catalog::Jail& jail, std::int64_t old);

} // namespace pkgjail::ops
