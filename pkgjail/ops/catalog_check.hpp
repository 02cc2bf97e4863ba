// `pkgjail catalog check` and `catalog backup`.
#pragma once

#include <string>
#include <vector>

#include "pkgjail/catalog/catalog.hpp"
#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

/// Everything that is wrong with the catalog and between it and the disk, a line each; empty: nothing. Reads
/// only. Where no catalog can be opened, that is what it throws.
std::vector<std::string> check_catalog(const Context& context);

/// Parts of it, for others. Images, jails and snapshots of the catalog that are not on disk as it says.
std::vector<std::string> missing_from_disk(const Context& context, catalog::Catalog& catalog);

/// A copy of the catalog as one file, made beside `file` and put in place in one step; it is checked before.
/// Error{conflict} when there is such a file, unless `overwrite`. A dry run only says whether it could begin.
void back_up_catalog(const Context& context, const base::HostPath& file, bool overwrite);

} // namespace pkgjail::ops
