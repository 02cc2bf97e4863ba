// What a jail needs on disk to start.
#pragma once

#include <optional>

#include "pkgjail/base/error.hpp"
#include "pkgjail/ops/session.hpp"

namespace pkgjail::ops {

/// The first of its parts that is not there: Error{corrupt}, "its image 9265f4ceb9d6 is not on disk", with
/// what can be done. Its current generation's image and configuration, its volumes, what is mounted of the
/// host.
std::optional<base::Error> missing_part(const Context& context, catalog::Catalog& catalog,
                                        const catalog::Jail& jail);

/// Before a service that runs is stopped to be started again: Error{corrupt} where a part is missing,
/// Error{conflict} where data are gone that would not be prepared anew, and as start_jail() for its recipe.
void require_parts(Session& session, const catalog::Jail& jail);

} // namespace pkgjail::ops
