#include "pkgjail/jail/profile.hpp"

namespace pkgjail::jail {

std::string_view profile_name(Profile profile) {
    switch (profile) {
    case Profile::low:
        return "low";
    case Profile::medium:
        return "medium";
    case Profile::high:
        break;
    }
    return "high";
}

std::optional<Profile> find_profile(std::string_view name) {
    for (const Profile profile : {Profile::low, Profile::medium, Profile::high})
        if (profile_name(profile) == name)
            return profile;
    return std::nullopt;
}

} // namespace pkgjail::jail
