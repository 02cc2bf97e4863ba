// The values of limits, from text.
#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/host.hpp"
#include "pkgjail/jail/limit.hpp"
#include "pkgjail/jail/limit_rows.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/jail/suggest.hpp"

namespace pkgjail::jail {

namespace {

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
    for (LimitKind kind : all_limit_kinds)
        names.emplace_back(limit_name(kind));
    names.emplace_back("require");
    return names;
}

} // namespace

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

} // namespace pkgjail::jail
