// In which order the services of one jail are started: `after`, and what a recipe means that has none.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "pkgjail/jail/recipe.hpp"

namespace pkgjail::jail {

/// Fills `after` where a service names none: the one before it. Returns the services such that each comes
/// after those that it waits for, otherwise as they stand; the first stays the first, because the jail begins
/// with it. `where` has the place of each service's `after`. Throws Error{configuration} for a service that
/// is not there, for one that the first would wait for, and for a circle, whose path is printed.
std::vector<Service> order_services(std::vector<Service> services,
                                    const std::map<std::string, Position>& where);

} // namespace pkgjail::jail
