// Where a jail's data may lie.
#pragma once

#include "pkgjail/base/path.hpp"
#include "pkgjail/jail/recipe.hpp"

namespace pkgjail::jail {

/// Below /var (but not /var/run, which is a tmpfs), /home or /root, or a data path of the recipe.
bool is_data(const base::RootPath& path, const RenderedRecipe& recipe);

} // namespace pkgjail::jail
