// Quota groups of btrfs: a ceiling on what one subvolume refers to, which the kernel holds where an operator
// has enabled quotas.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "pkgjail/base/fd.hpp"

namespace pkgjail::base {

struct SubvolumeUse {
    std::uint64_t used_bytes = 0;             ///< blocks shared with copies counted in full
    std::optional<std::uint64_t> limit_bytes; ///< unset: none
};

/// nullopt where the file system does not count. `subvolume` is the top of one.
std::optional<SubvolumeUse> read_subvolume_use(const Fd& subvolume, std::string_view shown_as);
/// Unset: no ceiling. False, and nothing done, where the file system does not count.
bool set_subvolume_limit(const Fd& subvolume, const std::optional<std::uint64_t>& bytes,
                         std::string_view shown_as);

} // namespace pkgjail::base
