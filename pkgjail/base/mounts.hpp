// What is mounted, as the kernel says.
#pragma once

#include <string>
#include <vector>

#include "pkgjail/base/path.hpp"

namespace pkgjail::base {

/// Mount points at or below `path` in our own mount namespace, in the kernel's order. Throws Error{system}
/// when the kernel's table cannot be read.
std::vector<std::string> mounts_below(const HostPath& path);

} // namespace pkgjail::base
