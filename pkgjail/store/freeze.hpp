// A frozen copy of one directory tree, by the cheapest means that the file system offers. Knows trees only;
// which jail and which snapshot they belong to stands in snapshot_files.
#pragma once

#include <cstdint>
#include <string_view>

#include "pkgjail/base/path.hpp"
#include "pkgjail/base/tree.hpp"

namespace pkgjail::store {

/// In the order in which they are tried.
enum class FreezeMeans {
    subvolume, ///< a snapshot of a btrfs subvolume: one step, whatever the size
    dataset,   ///< a clone of a ZFS dataset: the same
    reflink,   ///< each file shares its blocks with the copy
    copy,      ///< each file's bytes
};
std::string_view freeze_means_name(FreezeMeans means); ///< "subvolume", "dataset", "reflink", "copy"

/// Whether files in this directory can share blocks, tried with one of two short files.
bool can_reflink(const base::Tree& directory);

/// Copies the directory `from` to `to`, which does not exist and whose parent does, with owners, modes,
/// times, hard links, holes and extended attributes. Nobody may change `from` meanwhile. Not synced. Says
/// what it took; when it throws, what there is of `to` is the caller's to remove. Error{conflict} when
/// subvolumes lie within a subvolume, because they would be left out.
FreezeMeans freeze(const base::HostPath& from, const base::HostPath& to);

/// A directory that freeze() copies cheaply later: a subvolume or a dataset where there are such. Mode 0755.
void make_freezable_directory(const base::HostPath& path);
/// Renames such a directory, or one that holds some, and syncs; `to` is free.
void move_frozen(const base::HostPath& from, const base::HostPath& to);
/// Removes it with everything below, as Tree::remove_all does. Missing is fine.
void remove_frozen(const base::HostPath& path);

/// Sum of the sizes of the regular files; a file with several names counts once.
std::uint64_t size_of(const base::HostPath& directory);

} // namespace pkgjail::store
