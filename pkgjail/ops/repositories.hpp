// `pkgjail repo list`: the configured repositories and what is known of each.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pkgjail/catalog/packages.hpp"
#include "pkgjail/catalog/repository_memory.hpp"
#include "pkgjail/catalog/repository_trust.hpp"
#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

struct ListedRepository {
    jail::RepositoryConfig config;
    std::optional<catalog::RepositoryState> state; ///< unset: it was never read
    std::optional<catalog::RepositoryTrust> trust;
    std::vector<catalog::SeenPackage> went_back; ///< better than what it offers now of the same base
    std::string proof;   ///< by what its index is believed now; empty: nothing is asked of it
    std::string problem; ///< why no package can be taken from it now; empty: nothing
};

/// "its newest package was built at 2026-10-03T02:00:00Z, 50d ago"; empty when no date is known.
std::string age_text(const ListedRepository& listed);
/// "2 packages are offered older than before, when there was nginx-1.26.1, zlib-1.3"; empty when none is.
std::string went_back_text(const ListedRepository& listed);

/// In the order in which they are asked. Reads only.
std::vector<ListedRepository> list_repositories(const Context& context);

} // namespace pkgjail::ops
