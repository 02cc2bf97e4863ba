// Names of this host's users.
#pragma once

#include <cstdint>
#include <string>

namespace pkgjail::base {

/// "alice", or the number where there is no name for it.
std::string host_user_name(std::uint32_t uid);

} // namespace pkgjail::base
