// The configuration of a jail's next generation, made while the service is down: for switch_image.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/ops/session.hpp"

namespace pkgjail::ops {

/// What becomes part of the new generation's record.
struct MergedConfig {
    catalog::ConfigMerge merge;
    std::vector<catalog::ConfigConflict> conflicts; ///< also those of before that nobody has decided
    std::vector<catalog::ConfigConflict> met;       ///< only those of this merge
};

/// Merges the current generation's configuration with the new image's and the recipe's into the directory of
/// generation `next`.
MergedConfig merge_config(Session& session, const catalog::Jail& jail, std::int64_t next,
                          const std::string& new_image);

} // namespace pkgjail::ops
