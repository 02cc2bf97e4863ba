#include "pkgjail/jail/quantity.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include <fmt/format.h>

namespace pkgjail::jail {

namespace {

/// `text` without `suffix`, or nullopt when it does not end in it.
std::optional<std::string_view> without(std::string_view text, std::string_view suffix) {
    if (!text.ends_with(suffix))
        return std::nullopt;
    return text.substr(0, text.size() - suffix.size());
}

struct TimeUnit {
    std::string_view name;
    std::int64_t milliseconds;
};
// "ms" before "s" and "m": the first suffix that fits is the unit.
constexpr std::array<TimeUnit, 5> time_units = {{
    {"ms", 1},
    {"s", 1000},
    {"m", 60'000},
    {"h", 3'600'000},
    {"d", 86'400'000},
}};
constexpr std::int64_t longest_milliseconds = 36500ll * 86'400'000ll;

} // namespace

std::optional<std::uint64_t> parse_number(std::string_view text) {
    std::uint64_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (text.empty() || error != std::errc() || stop != end)
        return std::nullopt;
    return value;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
    unsigned shift = 0;
    for (const auto& [unit, bits] : {std::pair{"K", 10u}, {"M", 20u}, {"G", 30u}, {"T", 40u}}) {
        if (const auto digits = without(text, unit)) {
            text = *digits;
            shift = bits;
            break;
        }
    }
    const std::optional<std::uint64_t> value = parse_number(text);
    const auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (!value || *value > (largest >> shift))
        return std::nullopt;
    return *value << shift;
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
    for (const TimeUnit& unit : time_units) {
        const auto digits = without(text, unit.name);
        if (!digits)
            continue;
        const std::optional<std::uint64_t> value = parse_number(*digits);
        if (!value || *value > static_cast<std::uint64_t>(longest_milliseconds / unit.milliseconds))
            return std::nullopt;
        return std::chrono::milliseconds(static_cast<std::int64_t>(*value) * unit.milliseconds);
    }
    return std::nullopt;
}

std::optional<unsigned> parse_percent(std::string_view text) {
    const auto digits = without(text, "%");
    if (!digits)
        return std::nullopt;
    const std::optional<std::uint64_t> value = parse_number(*digits);
    if (!value || *value > 100'000)
        return std::nullopt;
    return static_cast<unsigned>(*value);
}

std::string format_size(std::uint64_t bytes) {
    if (bytes < 1024)
        return fmt::format("{}", bytes);
    constexpr std::string_view units = "KMGTPE";
    std::size_t unit = 0;
    std::uint64_t whole = bytes; // in units of `divisor`; the remainder decides the rounding
    std::uint64_t divisor = 1024;
    for (;; ++unit, divisor <<= 10) {
        whole = bytes / divisor;
        const std::uint64_t rest = bytes % divisor;
        // In 1024ths of the unit first, so that the product stays within 64 bits.
        const std::uint64_t tenths = (rest / (divisor >> 10) * 10 + 512) / 1024;
        if (whole <= 9) {
            if (tenths == 0)
                return fmt::format("{}{}", whole, units[unit]);
            if (tenths < 10)
                return fmt::format("{}.{}{}", whole, tenths, units[unit]);
            return fmt::format("{}{}", whole + 1, units[unit]);
        }
        whole += rest >= divisor / 2 ? 1 : 0;
        if (whole < 1024 || unit + 1 == units.size())
            return fmt::format("{}{}", whole, units[unit]);
    }
}

std::string counted(std::uint64_t count, std::string_view thing) {
    return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

std::string format_span(std::chrono::milliseconds span) {
    const std::int64_t count = span.count();
    for (auto unit = time_units.rbegin(); unit != time_units.rend(); ++unit)
        if (count != 0 && count % unit->milliseconds == 0)
            return fmt::format("{}{}", count / unit->milliseconds, unit->name);
    return "0s";
}

} // namespace pkgjail::jail
