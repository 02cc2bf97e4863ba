// Time: wall clock for people and records, monotonic clock for waiting.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pkgjail::base {

using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;
using SteadyTime = std::chrono::steady_clock::time_point;

WallTime wall_now();
inline SteadyTime steady_now() {
    return std::chrono::steady_clock::now();
}

/// "2026-11-21T23:40:00Z", always UTC.
std::string format_time(WallTime time);
/// "2026-11-21T23:40:00.123456Z".
std::string format_time_precise(WallTime time);
/// Both forms above; nullopt for anything else.
std::optional<WallTime> parse_time(std::string_view text);
/// Whole seconds since 1970, as the catalog keeps times.
std::int64_t to_unix(WallTime time);
WallTime from_unix(std::int64_t seconds);
/// For tables: "3s", "5m", "2h 10m", "4d 1h".
std::string format_duration(std::chrono::seconds duration);

} // namespace pkgjail::base
