// Waiting until what belongs to a jail is on disk.
#pragma once

#include <string_view>

#include "pkgjail/base/tree.hpp"

namespace pkgjail::store {

/// Everything on the file system of `files`, and on that of `data` where it is another one: on ZFS data are a
/// file system of their own.
void sync_with_data(const base::Tree& files, const base::Tree& data);

/// As Tree::write() into `target`, which is `config` or lies in it, and a power cut leaves the file that was
/// there or this one, whole. Its name is not waited for. discard_take() clears what a dead command left.
void write_synced(const base::Tree& config, const base::Tree& target, const base::RootPath& path,
                  std::string_view bytes, unsigned mode, base::Owner owner);

} // namespace pkgjail::store
