// The metadata members of a package archive, in the only order in which they may stand.
#pragma once

#include <array>
#include <string_view>

namespace pkgjail::format {

inline constexpr std::array<std::string_view, 16> package_members = {
    "+CONTENTS",   "+COMMENT",       "+DESC",        "+INSTALL",        "+DEINSTALL", "+DISPLAY",
    "+MTREE_DIRS", "+BUILD_VERSION", "+BUILD_INFO",  "+SIZE_PKG",       "+SIZE_ALL",  "+PRESERVE",
    "+VIEWS",      "+DEPOT",         "+REQUIRED_BY", "+INSTALLED_INFO",
};

} // namespace pkgjail::format
