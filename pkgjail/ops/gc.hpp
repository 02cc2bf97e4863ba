// `pkgjail gc`: what nothing needs any more.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

/// One thing that may go.
struct Garbage {
    enum class Kind { generation, configuration, image, archive, log, run };
    Kind kind = Kind::generation;
    std::string name;                 ///< "generation 3 of jail web", an image's id, a file's name
    std::uint64_t apparent_bytes = 0; ///< sum of its files' sizes
    /// What becomes free when it goes after all that stand before it: a file that something else has as well
    /// frees nothing until that goes too.
    std::uint64_t freed_bytes = 0;
    bool removed = false;
    std::string kept_because; ///< why it is still there although it was to go; empty in a dry run
};
std::string_view garbage_kind_name(Garbage::Kind kind); ///< "generation"

struct GcResult {
    std::vector<Garbage> garbage;
    std::uint64_t apparent_bytes = 0; ///< of what was removed, or would be
    std::uint64_t freed_bytes = 0;
};

/// Generations beyond the policy of pkgjail.conf, configurations of generations that there are not, images
/// that no generation and no snapshot needs then, archives that were not used for long, logs and run
/// directories of jails that are gone. What another command holds is left, and said so; a dry run only looks.
GcResult gc(const Context& context);

} // namespace pkgjail::ops
