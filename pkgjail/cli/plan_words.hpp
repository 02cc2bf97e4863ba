// How a plan is shown: shared by install, remove and upgrade.
#pragma once

#include <string>

#include "pkgjail/cli/command.hpp"
#include "pkgjail/solve/solver.hpp"

namespace pkgjail::cli {

Json plan_json(const solve::Plan& plan);
/// A table of steps with their reasons.
std::string plan_text(const solve::Plan& plan);

} // namespace pkgjail::cli
