// learned, and what start and restart with --learn have in common.
#pragma once

#include <optional>
#include <string>

#include "pkgjail/ops/lifecycle.hpp"
#include "pkgjail/supervise/learned.hpp"

namespace pkgjail::ops {

struct LearnedResult {
    std::string jail;
    jail::Profile own = jail::Profile::high; ///< the jail's
    bool learning = false;                   ///< it runs, and learns
    supervise::Learned learned;
};
/// Error{not_found}: no such jail, or it has never learned.
LearnedResult learned(const Context& context, const std::string& jail);

/// From which profile it will learn. Throws Error{usage} for one that is weaker than the jail's own.
jail::Profile profile_to_learn(const Context& context, const catalog::Jail& jail,
                               const LearnRequest& request);
/// Throws Error{configuration} where no jail can learn.
void require_learning(const Context& context);

} // namespace pkgjail::ops
