// Shared libraries that packages ask for (REQUIRES) and bring (PROVIDES): a set of packages whose programs
// would not find theirs is refused before anything is switched to it.
#pragma once

#include <string>
#include <vector>

#include "pkgjail/format/archive.hpp"
#include "pkgjail/store/root.hpp"

namespace pkgjail::ops {

/// "app-1.0 needs /usr/pkg/lib/liba.so.2": every library that neither a package of the set brings (by its
/// PROVIDES or its packing list) nor the base has. Libraries below the prefix are looked for by their path;
/// those of the system by their name in the base's library directories, because the path is that of the
/// machine on which the package was built.
std::vector<std::string> missing_libraries(const std::vector<format::PackageMetadata>& packages,
                                           const std::string& prefix, const store::HostBase& base);

/// The names of the libraries that the packages ask for and neither bring nor have below the prefix, sorted.
std::vector<std::string> libraries_of_base(const std::vector<format::PackageMetadata>& packages,
                                           const std::string& prefix);
/// Those of them that the base's library directories do not have.
std::vector<std::string> missing_of_base(const std::vector<std::string>& names, const store::HostBase& base);

} // namespace pkgjail::ops
