// `pkgjail update`: a fresh index from every repository.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pkgjail/base/error.hpp"
#include "pkgjail/ops/session.hpp"

namespace pkgjail::ops {

struct RepositoryUpdate {
    std::string name;
    std::string url;
    bool changed = false;
    std::int64_t packages = 0;
    std::optional<base::Error> failure; ///< the old index stays in use
};

/// Each repository is tried and told of. Error{configuration} when none is configured. `allow_older`: names
/// of repositories of which a signed index with a lower serial than one that was seen is taken, and of an
/// unsigned one an old copy; what was seen before is then forgotten. Error{not_found} for a name that none
/// has.
std::vector<RepositoryUpdate> update(const Context& context, const std::set<std::string>& allow_older = {});

/// The part of `update` for other operations: within a session.
std::vector<RepositoryUpdate> refresh_repositories(Session& session,
                                                   const std::set<std::string>& allow_older = {});
/// Whether one that is configured was never read, or not under the policy that it has now; or none is.
bool is_refresh_due(const Context& context, catalog::Catalog& catalog);
/// Refreshes repositories when one that is configured was never read, or not under the policy that it has
/// now; throws the first failure.
void refresh_if_never_done(Session& session);

} // namespace pkgjail::ops
