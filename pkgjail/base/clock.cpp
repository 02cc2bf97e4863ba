#include "pkgjail/base/clock.hpp"

#include <ctime>

#include <fmt/format.h>

namespace pkgjail::base {

namespace {

std::string format_seconds(WallTime time) {
    // floor, not a cast: times before 1970 round down as well.
    std::time_t seconds = static_cast<std::time_t>(to_unix(time));
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                       parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

/// Exactly `count` digits at `at`; -1 when they are not all digits.
int digits(std::string_view text, std::size_t at, std::size_t count) {
    int value = 0;
    for (std::size_t i = at; i < at + count; ++i) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

} // namespace

WallTime wall_now() {
    return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

std::string format_time(WallTime time) {
    return format_seconds(time) + "Z";
}

std::string format_time_precise(WallTime time) {
    auto fraction = time - std::chrono::floor<std::chrono::seconds>(time);
    return fmt::format("{}.{:06}Z", format_seconds(time), fraction.count());
}

std::optional<WallTime> parse_time(std::string_view text) {
    constexpr std::string_view shape = "0000-00-00T00:00:00";
    bool precise = text.size() == shape.size() + 8;
    if ((text.size() != shape.size() + 1 && !precise) || text.back() != 'Z')
        return std::nullopt;
    for (std::size_t i = 0; i < shape.size(); ++i)
        if (shape[i] != '0' && text[i] != shape[i])
            return std::nullopt;
    int year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2);
    int hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
    int micros = precise ? digits(text, shape.size() + 1, 6) : 0;
    if (precise && text[shape.size()] != '.')
        return std::nullopt;
    if (year < 0 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 ||
        micros < 0)
        return std::nullopt;
    std::chrono::year_month_day date{std::chrono::year(year),
                                     std::chrono::month(static_cast<unsigned>(month)),
                                     std::chrono::day(static_cast<unsigned>(day))};
    if (month < 0 || day < 0 || !date.ok())
        return std::nullopt;
    return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
           std::chrono::seconds(second) + std::chrono::microseconds(micros);
}

std::int64_t to_unix(WallTime time) {
    return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
}

WallTime from_unix(std::int64_t seconds) {
    return WallTime(std::chrono::seconds(seconds));
}

std::string format_duration(std::chrono::seconds duration) {
    std::int64_t seconds = duration.count() < 0 ? 0 : duration.count();
    std::int64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
    if (days > 0)
        return hours % 24 == 0 ? fmt::format("{}d", days) : fmt::format("{}d {}h", days, hours % 24);
    if (hours > 0)
        return minutes % 60 == 0 ? fmt::format("{}h", hours) : fmt::format("{}h {}m", hours, minutes % 60);
    if (minutes > 0)
        return fmt::format("{}m", minutes);
    return fmt::format("{}s", seconds);
}

} // namespace pkgjail::base
