// restore: a jail as a snapshot has it, data too. The only operation that takes data back.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pkgjail/ops/session.hpp"
#include "pkgjail/supervise/service_state.hpp"

namespace pkgjail::ops {

struct RestoreResult {
    std::string jail;
    std::string snapshot;
    std::string kept_as; ///< snapshot that now holds what the jail had; empty in a dry run
    std::int64_t generation = 0;
    std::string image;
    bool started = false;
    std::optional<supervise::ServiceStatus> status; ///< when it was started
};

/// Stops the jail, sets its data and configuration aside as a snapshot of their own, puts copies of the
/// snapshot's in their place as a new generation on the snapshot's image, and starts the jail where it ran.
/// Asks first. When it fails, or is killed, before the commit the jail is as it was and runs again; Error
/// {unhealthy} says that what was restored does not start.
RestoreResult restore(const Context& context, const std::string& jail, const std::string& snapshot);

/// The note of a restore that sets the jail's data aside in this snapshot.
std::string note_of_restore(const std::string& snapshot_id);
/// The note that a restore leaves while the jail's data are set aside: "restore ID", with the id of the
/// snapshot that they are in, or on their way into. The snapshot's id; nullopt for any other note.
std::optional<std::string> set_aside_by_restore(const std::string& note);
/// Those that such notes name: they hold a jail's data, whether the catalog knows them or not.
std::set<std::string> snapshots_set_aside(const std::vector<catalog::Jail>& jails);
/// What the next command does about a dead one's note: everything back in its place. The jail is stopped
/// then, and the caller starts it.
void undo_restore(Session& session, const catalog::Jail& jail, const std::string& snapshot_id);

} // namespace pkgjail::ops
