// Knowing one run of the host from the next.
#pragma once

#include <string>

namespace pkgjail::base {

/// Something that is the same until the host restarts and different afterwards: what was recorded about
/// processes under another one is about processes that are gone. Steps of the clock do not change it.
/// Compared for equality only. Throws Error{system}.
std::string boot_id();

} // namespace pkgjail::base
