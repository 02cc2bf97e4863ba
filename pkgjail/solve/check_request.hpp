// What can be said about a request before anything is tried: names that do not exist, and removals that
// others stand against.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "pkgjail/solve/candidates.hpp"

namespace pkgjail::solve {

/// Bases of present packages that the request removes. Entries that name nothing present, or something held,
/// are told in `refusal`.
std::set<std::string> find_removed(const Request& request, PatternTable& patterns, Refusal& refusal);

/// Tells who needs what is to be removed, among the packages that stay.
void check_dependants(const Request& request, const std::set<std::string>& removed, PatternTable& patterns,
                      Refusal& refusal);

/// Tells what nothing on offer can satisfy, with what was probably meant.
void check_wishes(const Request& request, Candidates& candidates, PatternTable& patterns, Refusal& refusal);

} // namespace pkgjail::solve
