// From the packages that were chosen to the plan: marks, order, and what happens to each with the reason.
#pragma once

#include "pkgjail/solve/search.hpp"

namespace pkgjail::solve {

Plan make_plan(const Request& request, Search& search, Candidates& candidates, PatternTable& patterns);

} // namespace pkgjail::solve
