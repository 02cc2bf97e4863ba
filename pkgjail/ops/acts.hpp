// history without a jail: the audit trail.
#pragma once

#include <string>
#include <vector>

#include "pkgjail/catalog/actions.hpp"
#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

struct Act : catalog::Action {
    std::string user; ///< the uid's name on this host today, or the number
};

/// The last `count` commands that meant to change something, oldest first: of all, or of those that named
/// `jail`. A jail that is gone by now still has its acts; a name that never had one is Error{not_found}.
std::vector<Act> acts(const Context& context, const std::string& jail, std::size_t count);

/// Why acts failed that have ended since it was said last.
void explain_failed_acts(const Context& context, const std::string& why, int exit_status);
/// Puts what is known of them into the audit trail. Where that cannot be done at once (the catalog is being
/// made anew, or is gone) it goes on saying "failed".
void record_failed_acts(const Context& context);

} // namespace pkgjail::ops
