// What each limit is called and how it is written; for the files that name limits and those that read them.
#pragma once

#include <cstdint>
#include <string_view>

#include "pkgjail/jail/limit.hpp"

namespace pkgjail::jail {

enum class Unit { percent_of_cpu, bytes_or_share, bytes, bytes_per_second, count };

/// What a kind is called, how it is written, and the bounds within which a value can have been meant. The
/// lower ones catch a forgotten unit ("memory = 64") before a service is killed for it; zero stands only
/// where it makes sense.
struct KindRow {
    LimitKind kind;
    std::string_view name;
    Unit unit;
    std::uint64_t low;
    std::uint64_t high;
    std::string_view allowed;
};

const KindRow& row_of(LimitKind kind);

} // namespace pkgjail::jail
