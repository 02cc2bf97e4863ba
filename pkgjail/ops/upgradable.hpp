// How many packages of an image the repositories have something newer for. Cheap: versions are compared, and
// no set of packages is solved, so an upgrade may bring fewer.
#pragma once

#include <cstddef>

#include "pkgjail/catalog/images.hpp"

namespace pkgjail::ops {

std::size_t count_upgradable(catalog::Catalog& catalog, const catalog::Image& image);

} // namespace pkgjail::ops
