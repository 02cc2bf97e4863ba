// snapshot, snapshots, drop: frozen copies of a jail's configuration and data, under names.
#pragma once

#include <string>
#include <vector>

#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/catalog/snapshots.hpp"
#include "pkgjail/ops/session.hpp"

namespace pkgjail::ops {

/// What a jail has mounted that is no part of it, and so in none of its copies.
struct LeftOut {
    std::vector<catalog::VolumeUseRow> volumes;
    std::vector<catalog::HostMountRow> mounts;
    LeftOut() = default;
    explicit LeftOut(const catalog::Jail& jail) : volumes(jail.volumes), mounts(jail.mounts) {}
};

struct SnapshotView {
    std::string jail;
    catalog::Snapshot snapshot;
    LeftOut left_out; ///< of a snapshot that was just made
};

/// Copies configuration and data while the jail is paused, or stopped. `name` may be empty: made of the time.
/// Error{conflict} when the jail has a snapshot of this name, Error{busy} while its service is between
/// states.
SnapshotView snapshot(const Context& context, const std::string& jail, const std::string& name);
/// Of the named jail, or (empty) of all, by jail and age.
std::vector<SnapshotView> snapshots(const Context& context, const std::string& jail);
/// Removes a snapshot, and its image when nothing else refers to it. Asks first.
SnapshotView drop(const Context& context, const std::string& jail, const std::string& name);

// Parts of the above for other operations.

/// Error{not_found} with the names there are as hint.
catalog::Snapshot require_snapshot(catalog::Catalog& catalog, const catalog::Jail& jail,
                                   const std::string& name);
/// "20261122-010203", or with a number behind it when the jail has a snapshot of that name.
std::string name_of_time(catalog::Catalog& catalog, const catalog::Jail& jail, const std::string& prefix);
/// A snapshot of the jail as it is now: what the catalog will hold, but for method and size.
catalog::Snapshot snapshot_now(Session& session, const catalog::Jail& jail, const std::string& name);

} // namespace pkgjail::ops
