// Telling a directory from a copy of it: what it records about processes is then about those of whoever uses
// the original.
#pragma once

#include <optional>

#include "pkgjail/base/path.hpp"

namespace pkgjail::base {

/// A file in the directory that names its inode; and its device, which is believed until the host restarts,
/// so that a snapshot made by the file system is taken for a copy until then only.
struct DirectoryMark {
    bool is_of_another = false; ///< another directory was marked, and this is a copy of it
    bool is_old = false;        ///< made before the host was started
    bool was_copy = false;      ///< as mark_directory() was told
};

/// nullopt for one that has none, or a damaged one. Throws Error{system}.
std::optional<DirectoryMark> directory_mark(const HostPath& directory);
void mark_directory(const HostPath& directory, bool was_copy);

/// The name of that file.
inline constexpr const char* directory_mark_name = "directory";

} // namespace pkgjail::base
