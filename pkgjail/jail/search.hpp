// Named files in several directories, the operator's before the installation's: limits.d/web.limits,
// recipes.d/nginx.recipe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/path.hpp"

namespace pkgjail::jail {

/// The first directory's `name` + `suffix` that exists. A directory may be missing.
std::optional<base::HostPath> find_named(const std::vector<base::HostPath>& directories,
                                         const std::string& name, std::string_view suffix);
/// Every valid name with that suffix, sorted, once each. Throws Error{system} or {denied} for a directory
/// that cannot be read.
std::vector<std::string> list_named(const std::vector<base::HostPath>& directories, std::string_view suffix);
/// For each file there with that suffix whose name is no valid one, which nothing therefore reads: that it is
/// to be renamed, Error{configuration}, sorted. A name that begins with a dot is nobody's.
std::vector<base::Error> list_misnamed(const std::vector<base::HostPath>& directories,
                                       std::string_view suffix);
base::Error misnamed(const base::HostPath& file, std::string_view suffix);

/// Why a name was not found: "no such KIND, there are: a, b", or where none were looked for in vain.
std::string no_such(std::string_view kind, const std::vector<std::string>& names,
                    const std::vector<base::HostPath>& directories);

} // namespace pkgjail::jail
