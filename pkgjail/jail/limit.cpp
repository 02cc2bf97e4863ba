#include "pkgjail/jail/limit.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "pkgjail/base/host.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/jail/suggest.hpp"

namespace pkgjail::jail {

namespace {

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

const KindRow& row_of(LimitKind kind) {
    return *std::find_if(rows.begin(), rows.end(), [&](const KindRow& row) { return row.kind == kind; });
}

std::optional<std::uint64_t> parse_value(Unit unit, std::string_view text, const HostTerms& host) {
    switch (unit) {
    case Unit::percent_of_cpu:
        return parse_percent(text);
    case Unit::bytes_or_share:
        if (const std::optional<unsigned> percent = parse_percent(text)) {
            if (*percent < 1 || *percent > 100)
                return std::nullopt;
            // Divided first, so that no host's memory is too large for the product.
            return host.memory_bytes / 100 * *percent + host.memory_bytes % 100 * *percent / 100;
        }
        return parse_size(text);
    case Unit::bytes:
        return parse_size(text);
    case Unit::bytes_per_second:
        return parse_size(text.ends_with("/s") ? text.substr(0, text.size() - 2) : text);
    case Unit::count:
        break;
    }
    return parse_number(text);
}

std::optional<std::uint64_t> value_of(LimitKind kind, const Setting& setting, const HostTerms& host) {
    if (setting.value == "none")
        return std::nullopt;
    const KindRow& row = row_of(kind);
    const std::optional<std::uint64_t> value = parse_value(row.unit, setting.value, host);
    if (!value || *value < row.low || *value > row.high)
        throw wrong_value(setting, row.allowed);
    return value;
}

std::vector<std::string> override_names() {
    std::vector<std::string> names;
    for (const KindRow& row : rows)
        names.emplace_back(row.name);
    names.emplace_back("require");
    return names;
}

} // namespace

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

HostTerms host_terms() {
    return {base::host_memory_bytes(), base::host_cpus()};
}

std::optional<std::uint64_t> parse_limit(LimitKind kind, std::string_view text, const HostTerms& host,
                                         const Position& where) {
    return value_of(kind, {std::string(limit_name(kind)), std::string(text), where}, host);
}

void override_limit(Limits& limits, const Setting& setting, const HostTerms& host, std::string_view source) {
    if (setting.key == "require") {
        if (setting.value != "enforced" && setting.value != "any")
            throw wrong_value(setting, "enforced, any");
        limits.require_enforced = setting.value == "enforced";
        return;
    }
    const std::optional<LimitKind> kind = find_limit(setting.key);
    if (!kind)
        throw base::Error(base::ErrorKind::configuration, setting.where.str(),
                          fmt::format("found an unknown limit \"{}\", allowed: {}", setting.key,
                                      enumerate(override_names())),
                          did_you_mean(setting.key, override_names()));
    if (const std::optional<std::uint64_t> value = value_of(*kind, setting, host))
        limits.wanted[*kind] = {*value, std::string(source)};
    else
        limits.wanted.erase(*kind);
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
