#include "support/catch.hpp"

#include "pkgjail/base/clock.hpp"

using namespace pkgjail::base;

TEST_CASE("a time is written in UTC and read back the same", "[base][clock]") {
    WallTime time = from_unix(1795304400) + std::chrono::microseconds(123456);

    CHECK(format_time(time) == "2026-11-21T23:40:00Z");
    CHECK(format_time_precise(time) == "2026-11-21T23:40:00.123456Z");
    CHECK(parse_time("2026-11-21T23:40:00.123456Z") == time);
    CHECK(parse_time("2026-11-21T23:40:00Z") == from_unix(1795304400));
}

TEST_CASE("times before 1970 round down as well", "[base][clock]") {
    WallTime time = from_unix(0) - std::chrono::microseconds(1);

    CHECK(to_unix(time) == -1);
    CHECK(format_time_precise(time) == "1969-12-31T23:59:59.999999Z");
    CHECK(parse_time("1969-12-31T23:59:59.999999Z") == time);
}

TEST_CASE("a leap day exists in leap years only", "[base][clock]") {
    CHECK(parse_time("2024-02-29T00:00:00Z").has_value());
    CHECK_FALSE(parse_time("2026-02-29T00:00:00Z").has_value());
}

TEST_CASE("what is not exactly a time is no time", "[base][clock]") {
    const char* text =
        GENERATE("", "Z", "2026-11-21", "2026-11-21T23:40:00", "2026-11-21 23:40:00Z", "2026-11-21T24:00:00Z",
                 "2026-11-21T23:60:00Z", "2026-11-21T23:40:60Z", "2026-13-01T00:00:00Z",
                 "2026-00-01T00:00:00Z", "2026-11-00T00:00:00Z", "2026-11-31T00:00:00Z",
                 "2026-11-21T23:40:00.1Z", "2026-11-21T23:40:00.12345xZ", "2026-11-21T23:40:00,123456Z",
                 "+026-11-21T23:40:00Z", "2026-11-21T23:40:00ZZ", "2026-1a-21T23:40:00Z",
                 "2026-11-21T-1:40:00Z", "2026-11-21T23:40:00+00:00Z");
    CAPTURE(text);
    CHECK_FALSE(parse_time(text).has_value());
}

TEST_CASE("durations are short enough for a table", "[base][clock]") {
    auto shown = [](int seconds) { return format_duration(std::chrono::seconds(seconds)); };

    CHECK(shown(0) == "0s");
    CHECK(shown(3) == "3s");
    CHECK(shown(59) == "59s");
    CHECK(shown(5 * 60 + 7) == "5m");
    CHECK(shown(2 * 3600 + 600) == "2h 10m");
    CHECK(shown(2 * 3600) == "2h");
    CHECK(shown(4 * 86400 + 3600) == "4d 1h");
    CHECK(shown(86400) == "1d");
    CHECK(shown(-5) == "0s");
}
