// `pkgjail catalog rebuild`: the catalog made again from what lies beside images, jails and snapshots.
#pragma once

#include <string>
#include <vector>

#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

struct RebuildResult {
    std::size_t images = 0;
    std::size_t jails = 0;
    std::size_t generations = 0;
    std::size_t snapshots = 0;
    std::size_t volumes = 0;
    std::size_t accounts = 0;
    std::string aside;              ///< where the old catalog is; empty: there was none
    std::vector<std::string> notes; ///< what could not be kept as it was
};

/// Reads every image.json with its manifest, every jail.json, snapshot.json and volume.json, makes a catalog
/// of them beside the old one, compares it with the disk, and puts it in place; the old one is kept. The
/// audit trail and what repositories offer are not among it. Nothing on disk may be left out, because what
/// the catalog does not know is removed: Error{corrupt} with the first thing that cannot be understood, and
/// then nothing has changed. Error{busy} while another command is at work or writes to the old catalog,
/// Error{conflict} while a jail runs another generation than its jail.json calls current. Killed at any
/// moment, it can be run again; until then other commands refuse to work.
RebuildResult rebuild_catalog(const Context& context);

} // namespace pkgjail::ops
