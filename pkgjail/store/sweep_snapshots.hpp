// Removing what crashed commands left of snapshots: the same as sweep() does for images and jails.
#pragma once

#include <functional>
#include <string>

#include "pkgjail/store/layout.hpp"
#include "pkgjail/store/sweep.hpp"

namespace pkgjail::store {

/// Removes staging and trash directories in snapshots/, snapshots for which `known` is false, and data that a
/// dead restore had prepared in a jail. The caller holds the store lock exclusively. `known` is also true of
/// the snapshot that an interrupted restore has noted: it may hold the jail's only data.
Swept sweep_snapshots(const Layout& layout, const std::function<bool(const std::string& snapshot_id)>& known);

} // namespace pkgjail::store
