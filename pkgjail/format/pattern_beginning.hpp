// What all names have in common that a dependency pattern may match, to find them in a sorted list.
#pragma once

#include <string_view>

namespace pkgjail::format {

/// Every name that Pattern::matches() begins with this: the pattern up to its first special character.
inline std::string_view beginning_of(std::string_view pattern) {
    return pattern.substr(0, pattern.find_first_of("{}<>=!*?[]\\"));
}

} // namespace pkgjail::format
