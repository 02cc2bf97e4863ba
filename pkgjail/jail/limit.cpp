// The names of limits. Reading their values is limit_value.cpp's; the supervisor needs the names only.
#include "pkgjail/jail/limit.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "pkgjail/jail/limit_rows.hpp"
#include "pkgjail/jail/quantity.hpp"

namespace pkgjail::jail {

namespace {

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t mib = 1024 * kib;
constexpr std::uint64_t most_bytes = std::uint64_t(1) << 62;
constexpr std::string_view size_form = "a size of at least 1M: 256M, 2G; or none";
constexpr std::string_view rate_form = "bytes a second, at least 1K: 512K, 10M, 10M/s; or none";

constexpr std::array<KindRow, all_limit_kinds.size()> rows = {{
    {LimitKind::cpu, "cpu", Unit::percent_of_cpu, 1, 100'000,
     "a percentage of one CPU from 1% to 100000%: 50%, 200% for two; or none"},
    {LimitKind::memory, "memory", Unit::bytes_or_share, mib, most_bytes,
     "a size of at least 1M: 256M, 2G; a share of the host's memory from 1% to 100%: 25%; or none"},
    {LimitKind::processes, "processes", Unit::count, 1, 4'194'304,
     "a whole number from 1 to 4194304; or none"},
    {LimitKind::files, "files", Unit::count, 8, 1'073'741'816,
     "a whole number from 8 to 1073741816; or none"},
    {LimitKind::io_read, "io-read", Unit::bytes_per_second, kib, most_bytes, rate_form},
    {LimitKind::io_write, "io-write", Unit::bytes_per_second, kib, most_bytes, rate_form},
    {LimitKind::net_in, "net-in", Unit::bytes_per_second, kib, most_bytes, rate_form},
    {LimitKind::net_out, "net-out", Unit::bytes_per_second, kib, most_bytes, rate_form},
    {LimitKind::disk, "disk", Unit::bytes, mib, most_bytes, size_form},
    {LimitKind::core, "core", Unit::bytes, 0, most_bytes, "a size: 0 for no core files, 64M; or none"},
    {LimitKind::stack, "stack", Unit::bytes, 64 * kib, most_bytes,
     "a size of at least 64K: 512K, 8M; or none"},
}};

} // namespace

const KindRow& row_of(LimitKind kind) {
    return *std::find_if(rows.begin(), rows.end(), [&](const KindRow& row) { return row.kind == kind; });
}

std::string_view limit_name(LimitKind kind) {
    return row_of(kind).name;
}

std::optional<LimitKind> find_limit(std::string_view name) {
    for (const KindRow& row : rows)
        if (row.name == name)
            return row.kind;
    return std::nullopt;
}

std::string format_limit(LimitKind kind, std::uint64_t value) {
    switch (row_of(kind).unit) {
    case Unit::percent_of_cpu:
        return fmt::format("{}%", value);
    case Unit::bytes_or_share:
    case Unit::bytes:
        return format_size(value);
    case Unit::bytes_per_second:
        return format_size(value) + "/s";
    case Unit::count:
        break;
    }
    return fmt::format("{}", value);
}

std::string_view enforcement_name(Enforcement enforcement) {
    switch (enforcement) {
    case Enforcement::enforced:
        return "enforced";
    case Enforcement::advisory:
        return "advisory";
    case Enforcement::unavailable:
        break;
    }
    return "unavailable";
}

} // namespace pkgjail::jail
