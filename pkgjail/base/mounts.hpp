// What is mounted, as the kernel says.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/base/path.hpp"

namespace pkgjail::base {

struct Mount {
    std::string point;
    std::string type;   ///< "ext4", "zfs"
    std::string source; ///< what is mounted: a device, a dataset
};

/// Everything in our own mount namespace, in the kernel's order; a later mount may cover an earlier one. On
/// NetBSD `point` is where it was mounted, also after a directory above was renamed. Throws Error{system}
/// when the kernel's table cannot be read.
std::vector<Mount> mount_table();

class Tree;

/// Whether something is mounted at a directory of `tree`, be it a part of the same file system, or it is a
/// subvolume: Tree::walk() reports such a directory without what is in it.
bool is_mount_point(const Tree& tree, const RootPath& directory);

/// Whether `point` is `path` or lies below it.
bool lies_below(std::string_view point, std::string_view path);

/// Mount points at or below `path` in our own mount namespace, in the kernel's order. Throws Error{system}
/// when the kernel's table cannot be read.
std::vector<std::string> mounts_below(const HostPath& path);

} // namespace pkgjail::base
