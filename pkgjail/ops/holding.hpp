// Holds as planning sees them: which packages of a jail may not change now, and how that is told.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "pkgjail/base/error.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/ops/installed.hpp"
#include "pkgjail/solve/solver.hpp"

namespace pkgjail::ops {

/// Whether it holds at this moment.
bool is_in_force(const catalog::Hold& hold);
/// "module not ported, until 2027-01-15T00:00:00Z"; empty for a hold without reason and end.
std::string hold_words(const catalog::Hold& hold);
/// The hold in force on this package; nullptr: none.
const catalog::Hold* hold_on(const catalog::Jail& jail, const std::string& pkgname);

/// Of the holds in force at this moment.
std::set<std::string> held_bases(const catalog::Jail& jail);

/// The packages of the jail as the solver sees them, held ones marked.
std::vector<solve::Present> present_packages(const Installed& installed);
std::vector<solve::Present> present_packages(const catalog::Image& image, const std::set<std::string>& held);
/// As plan_or_throw, and a refusal says of each hold that has a part in it why and until when it holds.
solve::Plan plan_for_jail(const solve::Request& request, solve::Universe& universe,
                          const catalog::Jail& jail);
/// A refusal of plan_or_throw with what is to be said of the jail's holds; `present` as in the request.
base::Error refusal_for_jail(const base::Error& refusal, const std::vector<solve::Present>& present,
                             const catalog::Jail& jail);
/// pkgnames that autoremove would take away once the plan is carried out. `held`: bases.
std::vector<std::string> unneeded_after(const std::set<std::string>& held, const solve::Plan& plan,
                                        solve::Universe& universe, solve::PatternTable& patterns);

} // namespace pkgjail::ops
