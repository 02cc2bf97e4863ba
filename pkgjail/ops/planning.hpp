// Asking the solver: the present packages from the catalog, the answer as a plan or an Error.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pkgjail/catalog/images.hpp"
#include "pkgjail/ops/obtain.hpp"
#include "pkgjail/solve/solver.hpp"

namespace pkgjail::ops {

/// The packages of an image as the solver sees them.
std::vector<solve::Present> present_packages(const catalog::Image& image);
/// The archives that an image was made of. Refers to the image.
KnownArchives archives_of(const catalog::Image& image);
/// Whether a package of the plan's result is what the wish asks for.
bool is_fulfilled(const std::string& wish, const solve::Plan& plan);
/// Throws Error{unsolvable}, or Error{not_found} where a requested name is in no repository, with all
/// reasons.
solve::Plan plan_or_throw(const solve::Request& request, solve::Universe& universe);
solve::Plan plan_or_throw(const solve::Request& request, solve::Universe& universe,
                          solve::PatternTable& patterns);
/// What the plan's new packages are in the repositories' own figures; less when some are in the cache.
std::uint64_t bytes_to_download(const solve::Plan& plan);

} // namespace pkgjail::ops
