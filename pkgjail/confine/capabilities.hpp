// Which of root's powers root inside a jail keeps (Linux capabilities).
#pragma once

#include <string>
#include <vector>

#include "pkgjail/jail/profile.hpp"

namespace pkgjail::confine {

/// Names like "CAP_CHOWN", in the kernel's order. They are the bounding set; a process of uid 0 also has them
/// effective and permitted, any other user has none. Nothing is ever inheritable or ambient.
std::vector<std::string> capabilities_of(jail::Profile profile);

} // namespace pkgjail::confine
