// Opening files of the cache directory: only what pkgjail itself can have put there is believed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/path.hpp"

namespace pkgjail::repo {

/// The file there if it is a regular file, not reached through a link in its last component, owned by us or
/// by root, and writable by its owner only. Anything else under that name, a directory with all that is in it
/// included, is removed, because a file has to take its place; nullopt then and when there is nothing.
/// `flags` as for open(2).
std::optional<base::Fd> open_own_file(const base::HostPath& path, int flags);

/// Removes whatever has this name; missing is fine.
void remove_any(const base::HostPath& path);

/// Length of an open file. `path` is for messages.
std::uint64_t file_size(const base::Fd& fd, const base::HostPath& path);

} // namespace pkgjail::repo
