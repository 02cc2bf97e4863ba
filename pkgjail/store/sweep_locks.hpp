// Removing lock files of jails and images that are no more. A lock file locks nothing by itself, but there is
// one for every name and every build key that was ever used.
#pragma once

#include <set>
#include <string>

#include "pkgjail/store/layout.hpp"
#include "pkgjail/store/sweep.hpp"

namespace pkgjail::store {

/// Removes what lies in lock/, is held by nobody and is neither the store's own nor in `used` (names of
/// files). They are no traces of an interrupted command, so `removed` stays empty. The caller holds the store
/// lock exclusively.
Swept sweep_locks(const Layout& layout, const std::set<std::string>& used);

} // namespace pkgjail::store
