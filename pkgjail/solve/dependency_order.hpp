// Putting packages so that each comes after what it needs.
#pragma once

#include <cstddef>
#include <vector>

#include "pkgjail/solve/pattern_table.hpp"
#include "pkgjail/solve/solver.hpp"

namespace pkgjail::solve {

/// Indices into `packages`, what is needed first; otherwise by name. In a cycle the bytewise smallest name
/// that is asked for first comes last.
std::vector<std::size_t> dependency_order(const std::vector<const Offer*>& packages, PatternTable& patterns);

} // namespace pkgjail::solve
