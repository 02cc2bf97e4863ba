// Subvolumes of btrfs: directories that the file system copies as a whole, in one step and sharing every
// block. Elsewhere there are none, and every function says so by its result.
#pragma once

#include <string>
#include <string_view>

#include "pkgjail/base/fd.hpp"

namespace pkgjail::base {

/// Whether an open directory is the top of a subvolume. `shown_as` is for messages, here and below.
bool is_subvolume(const Fd& directory, std::string_view shown_as);

/// Whether other subvolumes lie in this one. A copy of it would have empty directories in their places.
bool holds_subvolumes(const Fd& subvolume, std::string_view shown_as);

/// Makes a new, empty one, mode 0755. False, and nothing made, where the file system has none or does not
/// let us.
bool make_subvolume(const Fd& parent, const std::string& name, std::string_view shown_as);

/// A writable copy of the subvolume `source` as `name` in `parent`, on the same file system. False, and
/// nothing made, where `parent` lies on another one or it is not permitted.
bool copy_subvolume(const Fd& source, const Fd& parent, const std::string& name, std::string_view shown_as);

enum class SubvolumeRemoval {
    done,      ///< it is gone, with everything in it
    not_empty, ///< other subvolumes lie in it
    no,        ///< it is none, or only its empty directory can be removed (rmdir)
};
SubvolumeRemoval remove_subvolume(const Fd& parent, const std::string& name, std::string_view shown_as);

} // namespace pkgjail::base
