// Where a sparse file has data.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "pkgjail/base/fd.hpp"

namespace pkgjail::base {

/// Bytes of a file that are not in a hole.
struct Extent {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    bool operator==(const Extent&) const = default;
};

/// In ascending order, none empty, none touching the next. A file without holes has one (none when it is
/// empty). Moves the descriptor's position. Where the system does not tell, blocks of zeroes count as holes
/// in files that take less room than they are long. `shown` is for messages.
std::vector<Extent> data_extents(const Fd& file, std::string_view shown);

} // namespace pkgjail::base
