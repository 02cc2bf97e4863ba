// Looking at a jail's sources and mount points before anything is mounted.
#pragma once

#include "pkgjail/confine/spec.hpp"

namespace pkgjail::confine {

/// Every source and mount point of a description, before the runtime touches anything: sources are real
/// directories or files (a symbolic link is refused: whoever can change it chooses what is mounted), mount
/// points exist, are of the same kind, and are reached through no link. Throws Error{configuration,
/// not_found, corrupt}.
void check_mount_points(const JailSpec& spec);

} // namespace pkgjail::confine
