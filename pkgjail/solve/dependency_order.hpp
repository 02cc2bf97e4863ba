// Putting packages so that each comes after what it needs.
#pragma once

#include <cstddef>
#include <vector>

#include "pkgjail/solve/pattern_table.hpp"
#include "pkgjail/solve/solver.hpp"

namespace pkgjail::solve {

/// Indices into `packages`, what is needed first; otherwise by name. Packages that need each other in a
/// circle stand together, after everything else that any of them needs.
std::vector<std::size_t> dependency_order(const std::vector<const Offer*>& packages, PatternTable& patterns);

} // namespace pkgjail::solve
