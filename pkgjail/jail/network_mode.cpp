// Apart from the reading of recipes, for those who only name the modes.
#include "pkgjail/jail/recipe.hpp"

namespace pkgjail::jail {

std::string_view network_mode_name(NetworkMode mode) {
    switch (mode) {
    case NetworkMode::host:
        return "host";
    case NetworkMode::none:
        return "none";
    case NetworkMode::private_:
        break;
    }
    return "private";
}

} // namespace pkgjail::jail
