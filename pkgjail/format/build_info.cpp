#include "pkgjail/format/build_info.hpp"

#include <array>

#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/format/text_lines.hpp"

namespace pkgjail::format {
namespace {

std::string_view major_of(std::string_view release) {
    return release.substr(0, release.find('.'));
}

// NetBSD's development versions: "10.99.4".
bool is_development(std::string_view release) {
    return release.find(".99.") != std::string_view::npos;
}

bool same_release(std::string_view opsys, std::string_view built_for, std::string_view host) {
    if (opsys == "NetBSD")
        return major_of(built_for) == major_of(host) && is_development(built_for) == is_development(host);
    return built_for == host;
}

} // namespace

BuildInfo BuildInfo::parse(std::string_view text) {
    BuildInfo info;
    TextLines lines(text);
    for (std::string_view line; lines.next(line);) {
        if (line.empty())
            continue;
        const std::size_t equals = line.find('=');
        if (equals == std::string_view::npos || equals == 0)
            throw base::Error(base::ErrorKind::corrupt, fmt::format("+BUILD_INFO line {}", lines.number()),
                              "not of the form VARIABLE=value");
        std::string_view value = line.substr(equals + 1);
        if (value.starts_with(' '))
            value.remove_prefix(1);
        info.values_.emplace(line.substr(0, equals), value);
    }
    return info;
}

std::optional<std::string> BuildInfo::get(const std::string& key) const {
    const auto found = values_.lower_bound(key);
    if (found == values_.end() || found->first != key || found->second.empty())
        return std::nullopt;
    return found->second;
}

std::vector<std::string> BuildInfo::all(const std::string& key) const {
    std::vector<std::string> values;
    const auto [begin, end] = values_.equal_range(key);
    for (auto value = begin; value != end; ++value)
        values.push_back(value->second);
    return values;
}

std::optional<std::int64_t> parse_build_date(std::string_view text) {
    constexpr std::string_view shape = "2026-10-01 12:34:56 +0000";
    if (text.size() != shape.size() || text[10] != ' ' || text[19] != ' ')
        return std::nullopt;
    std::array<char, 20> digits{}; // an index has a date for each of its ten thousands of packages
    text.copy(digits.data(), 19);
    digits[10] = 'T';
    digits[19] = 'Z';
    const auto time = base::parse_time({digits.data(), digits.size()});
    const std::string_view zone = text.substr(20);
    if (!time || (zone[0] != '+' && zone[0] != '-') ||
        zone.find_first_not_of("0123456789", 1) != std::string_view::npos)
        return std::nullopt;
    const auto two = [&](std::size_t at) { return (zone[at] - '0') * 10 + (zone[at + 1] - '0'); };
    const std::int64_t ahead = two(1) * 3600 + two(3) * 60;
    const std::int64_t built = base::to_unix(*time) - (zone[0] == '-' ? -ahead : ahead);
    constexpr std::int64_t year_10000 = 253402300800;
    return built < 0 || built >= year_10000 ? std::nullopt : std::optional(built);
}

PlatformCheck check_platform(const BuildInfo& info, std::string_view opsys, std::string_view os_version,
                             std::string_view machine_arch) {
    PlatformCheck check;
    const std::optional<std::string> built_opsys = info.get("OPSYS");
    const std::optional<std::string> built_version = info.get("OS_VERSION");
    const std::optional<std::string> built_arch = info.get("MACHINE_ARCH");
    if (!built_opsys || !built_version || !built_arch) {
        check.problem =
            "it does not say what it was built for (OPSYS, OS_VERSION and MACHINE_ARCH are required)";
    } else if (*built_opsys != opsys || *built_arch != machine_arch) {
        check.problem = fmt::format("built for {} on {}; this host is {} on {}", *built_opsys, *built_arch,
                                    opsys, machine_arch);
    } else if (!same_release(opsys, *built_version, os_version)) {
        check.advice =
            fmt::format("built for {} {}; this host runs {} {}", opsys, *built_version, opsys, os_version);
    }
    return check;
}

} // namespace pkgjail::format
