// Small programs of pkgjail's own that run inside jails.
#pragma once

#include <optional>
#include <string_view>

#include "pkgjail/base/path.hpp"

namespace pkgjail::confine {

/// Beside the running program, or in libexec or bin beside its directory; nullopt when it is not installed.
std::optional<base::HostPath> find_helper(std::string_view name);

} // namespace pkgjail::confine
