// Removing configurations of generations that the catalog does not know: what a dead or failed command had
// prepared, and what it had forgotten and not removed.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "pkgjail/store/layout.hpp"

namespace pkgjail::store {

/// Names in jails/<id>/config that belong to none of `generations`. A jail without that directory has none.
std::vector<std::string> unknown_configs(const Layout& layout, const std::string& jail_id,
                                         const std::set<std::int64_t>& generations);

/// One of them. Missing is fine.
void remove_unknown_config(const Layout& layout, const std::string& jail_id, const std::string& name);

/// jails/<id>/config/<generation>. Missing is fine.
void remove_config(const Layout& layout, const std::string& jail_id, std::int64_t generation);

} // namespace pkgjail::store
