// Volumes on disk: directories that outlive jails.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "pkgjail/base/tree.hpp"
#include "pkgjail/store/layout.hpp"
#include "pkgjail/store/sweep.hpp"

namespace pkgjail::store {

/// Makes volumes/<id> with an empty data/ (root's, mode 0755) and its record beside its place, syncs,
/// renames. The caller's catalog commit follows.
void create_volume(const Layout& layout, const std::string& id, const std::string& record);

/// A volume's data get owner and mode of what is at `path` in the first of these trees that has a directory
/// there. False when none has: then they stay root's.
bool take_mount_point_owner(const Layout& layout, const std::string& id, const base::RootPath& path,
                            const std::vector<base::Tree>& trees);

/// In one step under its own name it is there or not: first a rename to gone-<id>, then, with `forget` in
/// between (the catalog's commit), the deletion. Cut before the commit, sweep_volumes() puts it back; so does
/// this when `forget` throws.
void remove_volume(const Layout& layout, const std::string& id, const std::function<void()>& forget);

/// What interrupted commands left. A volume that the catalog does not know is only removed when it is empty;
/// one that holds something stays where it is, and `catalog check` tells of it.
Swept sweep_volumes(const Layout& layout, const std::function<bool(const std::string& id)>& known);

} // namespace pkgjail::store
