// Profiles: how much a jail's processes may do. `high` is the strictest and the default. No profile lets root
// inside mount, make devices, chroot again, load modules, change the time or trace outside.
#pragma once

#include <optional>
#include <string_view>

namespace pkgjail::jail {

enum class Profile { low, medium, high };

std::string_view profile_name(Profile profile);
std::optional<Profile> find_profile(std::string_view name);

} // namespace pkgjail::jail
