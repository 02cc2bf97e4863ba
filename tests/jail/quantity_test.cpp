#include "pkgjail/jail/quantity.hpp"

#include "jail/show.hpp"
#include "pkgjail/jail/name.hpp"
#include "pkgjail/jail/profile.hpp"
#include "pkgjail/jail/signal.hpp"
#include "pkgjail/jail/suggest.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using namespace pkgjail::jail;

TEST_CASE("a size is a number, or a number of K, M, G or T", "[jail][quantity]") {
    CHECK(parse_size("0") == 0u);
    CHECK(parse_size("4096") == 4096u);
    CHECK(parse_size("64K") == 65536u);
    CHECK(parse_size("256M") == 268435456u);
    CHECK(parse_size("2G") == 2147483648u);
    CHECK(parse_size("1T") == 1099511627776u);
    CHECK(parse_size("9223372036854775807") == 9223372036854775807u);
    CHECK(parse_size("8388607T") == 9223370937343148032u);
}

TEST_CASE("what is no size, or too large for one, is not taken for another", "[jail][quantity]") {
    for (const char* text : {"",
                             "K",
                             "-1",
                             "+1",
                             " 1",
                             "1 ",
                             "1 K",
                             "1k",
                             "1m",
                             "1KB",
                             "1KiB",
                             "1.5G",
                             "0x10",
                             "1e3",
                             "9223372036854775808",
                             "8388608T",
                             "99999999999999999999",
                             "1KK",
                             "M1",
                             "1P",
                             "10%"}) {
        INFO(text);
        CHECK_FALSE(parse_size(text).has_value());
    }
}

TEST_CASE("a duration has a unit", "[jail][quantity]") {
    CHECK(parse_duration("500ms")->count() == 500);
    CHECK(parse_duration("10s")->count() == 10'000);
    CHECK(parse_duration("5m")->count() == 300'000);
    CHECK(parse_duration("2h")->count() == 7'200'000);
    CHECK(parse_duration("1d")->count() == 86'400'000);
    CHECK(parse_duration("0s")->count() == 0);
    CHECK(parse_duration("36500d")->count() == 3'153'600'000'000);
    for (const char* text : {"", "10", "s", "ms", "-1s", "1.5s", "10 s", "10S", "10sec", "1h30m", "36501d",
                             "99999999999999999999s", "18446744073709551615d", "1w"}) {
        INFO(text);
        CHECK_FALSE(parse_duration(text).has_value());
    }
}

TEST_CASE("a percentage ends in a percent sign", "[jail][quantity]") {
    CHECK(parse_percent("0%") == 0u);
    CHECK(parse_percent("25%") == 25u);
    CHECK(parse_percent("100000%") == 100'000u);
    for (const char* text : {"", "%", "25", "25 %", "-5%", "2.5%", "100001%", "25%%"}) {
        INFO(text);
        CHECK_FALSE(parse_percent(text).has_value());
    }
}

TEST_CASE("a size is shown in at most four characters and a unit, rounded to the nearest",
          "[jail][quantity]") {
    CHECK(format_size(0) == "0");
    CHECK(format_size(812) == "812");
    CHECK(format_size(1023) == "1023");
    CHECK(format_size(1024) == "1K");
    CHECK(format_size(1536) == "1.5K");
    CHECK(format_size(10188) == "9.9K");
    CHECK(format_size(10239) == "10K");
    CHECK(format_size(17 * 1024 + 100) == "17K");
    CHECK(format_size(1023 * 1024) == "1023K");
    CHECK(format_size(1024 * 1024 - 1) == "1M");
    CHECK(format_size(256u << 20) == "256M");
    CHECK(format_size(3ull << 29) == "1.5G");
    CHECK(format_size(1ull << 40) == "1T");
    CHECK(format_size(~0ull) == "16E");
}

TEST_CASE("a shown duration is read back as the same", "[jail][quantity]") {
    for (const char* text : {"0s", "1ms", "500ms", "1s", "90s", "1500ms", "2m", "1h", "25h", "1d", "365d"}) {
        INFO(text);
        CHECK(format_span(*parse_duration(text)) == text);
    }
    CHECK(format_span(std::chrono::milliseconds(60'000)) == "1m");
}

TEST_CASE("a name is short, lower case, and never an option or a path", "[jail][name]") {
    for (const char* name : {"a", "0", "nginx", "web-2", "a_b", "9-9_9"})
        CHECK(is_valid_name(name));
    CHECK(is_valid_name(std::string(63, 'a')));
    for (const std::string name :
         {"", "-a", "_a", ".", "..", "a.b", "a/b", "A", "aB", "a b", "a\n", "é", "a\\"}) {
        INFO(name);
        CHECK_FALSE(is_valid_name(name));
    }
    CHECK_FALSE(is_valid_name(std::string(64, 'a')));
    CHECK_FALSE(is_valid_name(std::string("a\0b", 3)));
    CHECK(test::failure([] { check_name("jail", "Web 1"); }, base::ErrorKind::usage) ==
          "Web 1: no valid jail name, allowed: a letter a-z or a digit, then letters a-z, digits, \"-\" and "
          "\"_\", at most 63 "
          "characters");
}

TEST_CASE("profiles and signals are found by the name that is shown for them", "[jail][name]") {
    for (const char* name : {"low", "medium", "high"})
        CHECK(profile_name(find_profile(name).value()) == name);
    CHECK_FALSE(find_profile("High").has_value());
    for (const std::string& name : signal_names())
        CHECK(signal_name(find_signal(name).value()) == name);
    CHECK(find_signal("TERM") == 15);
    CHECK_FALSE(find_signal("15").has_value());
    CHECK_FALSE(find_signal("").has_value());
    CHECK(signal_name(64) == "64");
}

TEST_CASE("a suggestion is near, or there is none", "[jail][name]") {
    const std::vector<std::string> words = {"memory", "processes", "files", "io-read"};
    CHECK(nearest("memroy", words) == "memory");
    CHECK(nearest("procesess", words) == "processes");
    CHECK(nearest("flies", words) == "files");
    CHECK(nearest("colour", words) == std::nullopt);
    CHECK(nearest("", words) == std::nullopt);
    CHECK(nearest(std::string(100'000, 'm'), words) == std::nullopt);
    CHECK(did_you_mean("io_read", words) == "did you mean \"io-read\"?");
    CHECK(did_you_mean("x", {}).empty());
    CHECK(enumerate({"a", "b"}) == "a, b");
    CHECK(enumerate({}) == "nothing");
}
