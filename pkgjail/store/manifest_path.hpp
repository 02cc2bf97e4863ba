// From where a manifest names a file to where a jail sees it, and back: "/tree/bin/x" is PREFIX/bin/x,
// "/seed/config/etc/y" is /etc/y, "/seed/data/var/z" is /var/z.
#pragma once

#include <optional>
#include <string>

#include "pkgjail/base/path.hpp"

namespace pkgjail::store {

/// nullopt for the tops themselves, which are no file of a jail: "/seed/config", "/seed/data".
std::optional<base::RootPath> path_in_jail(const base::RootPath& in_manifest, const std::string& prefix);
base::RootPath path_in_manifest(const base::RootPath& in_jail, const std::string& prefix);

} // namespace pkgjail::store
