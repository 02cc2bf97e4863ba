// Which directories of jails and snapshots a sweep may remove. A catalog that does not know one can be older
// than it: a backup that was put in its place. So whoever makes one places it with a mark, which goes after
// the catalog's commit, and whoever removes one puts the mark there before the catalog forgets it.
#pragma once

#include <string>

#include "pkgjail/base/tree.hpp"

namespace pkgjail::store {

/// Of a directory that has not got its name yet. Not synced by itself.
void mark_uncommitted(const base::Tree& staged);
/// Of one that the catalog is about to forget; lasts. Missing is fine.
void mark_unwanted(const base::HostPath& directory);
/// After the commit; lasts. Without the mark it is fine as well.
void mark_committed(const base::HostPath& directory);
/// Removes what has the mark, or is no directory, and never shows it under its own name without the mark.
void remove_marked(const base::HostPath& path, const base::HostPath& trash);
/// Whether the directory of this name has no mark: a catalog knew it once, and nobody wanted it to be
/// removed. False of what is no directory.
bool stays_unknown(const base::Tree& parent, const std::string& name);

} // namespace pkgjail::store
