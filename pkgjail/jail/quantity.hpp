// Numbers with units, as people write and read them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pkgjail::jail {

/// Digits only, no sign, no blank; nullopt for anything else and for what does not fit.
std::optional<std::uint64_t> parse_number(std::string_view text);
/// "4096", "64K", "256M", "2G", "1T": powers of 1024. Every other unit ("KiB", "MB", "m") is refused, because
/// people disagree about what it means. nullopt: not a size, or 2^63 and more.
std::optional<std::uint64_t> parse_size(std::string_view text);
/// "500ms", "10s", "5m", "2h", "1d". A bare number is refused, and so is more than 36500 days.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
/// "25%" → 25; up to 100000.
std::optional<unsigned> parse_percent(std::string_view text);

/// For people: "256M", "1.5G", "17K", "812": at most four characters and a unit, rounded to the nearest.
std::string format_size(std::uint64_t bytes);
/// "1 package", "2 packages": for words that get an "s".
std::string counted(std::uint64_t count, std::string_view thing);
/// "500ms", "10s", "5m", "2h", "1d": the largest unit that is exact, so parse_duration reads it back.
std::string format_span(std::chrono::milliseconds span);

} // namespace pkgjail::jail
