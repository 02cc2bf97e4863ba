// How a plan is shown: shared by install, remove and upgrade; and holds, which stand against one.
#pragma once

#include <string>
#include <vector>

#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/solve/solver.hpp"

namespace pkgjail::cli {

Json plan_json(const solve::Plan& plan);
Json holds_json(const std::vector<catalog::Hold>& holds);
/// "nginx is held: module not ported, until 2027-01-15T00:00:00Z"
std::string hold_text(const catalog::Hold& hold);
/// A table of steps with their reasons.
std::string plan_text(const solve::Plan& plan);

} // namespace pkgjail::cli
