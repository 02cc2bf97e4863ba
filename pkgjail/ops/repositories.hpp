// `pkgjail repo list`: the configured repositories and what is known of each.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pkgjail/catalog/packages.hpp"
#include "pkgjail/catalog/repository_trust.hpp"
#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

struct ListedRepository {
    jail::RepositoryConfig config;
    std::optional<catalog::RepositoryState> state; ///< unset: it was never read
    std::optional<catalog::RepositoryTrust> trust;
    std::string proof;   ///< by what its index is believed now; empty: nothing is asked of it
    std::string problem; ///< why no package can be taken from it now; empty: nothing
};

/// In the order in which they are asked. Reads only.
std::vector<ListedRepository> list_repositories(const Context& context);

} // namespace pkgjail::ops
