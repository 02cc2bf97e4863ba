// `pkgjail update`: a fresh index from every repository.
#pragma once

#include <optional>
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

/// Each repository is tried and told of. Error{configuration} when none is configured.
std::vector<RepositoryUpdate> update(const Context& context);

/// The part of `update` for other operations: within a session.
std::vector<RepositoryUpdate> refresh_repositories(Session& session);
/// Refreshes repositories that are configured and were never read (first use); throws the first failure.
void refresh_if_never_done(Session& session);

} // namespace pkgjail::ops
