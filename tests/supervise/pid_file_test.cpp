#include "pkgjail/supervise/pid_file.hpp"
#include "support/catch.hpp"

using namespace pkgjail;

TEST_CASE("a pid file holds one number, and anything else is told", "[supervise][pidfile]") {
    const auto parse = [](const std::string& text) {
        const auto number = supervise::parse_pid_file(text);
        return number.refusal.empty() ? std::to_string(number.pid) : number.refusal;
    };
    CHECK(parse("42\n") == "42");
    CHECK(parse("  42") == "42");
    CHECK(parse("42\r\n") == "42");
    CHECK(parse("42\n/usr/pkg/bin/postgres\n") == "42");
    CHECK(parse("") == "is empty");
    CHECK(parse(" \n") == "is empty");
    CHECK(parse("-1") == "holds \"-1\", which is no process");
    CHECK(parse("0") == "holds \"0\", which is no process");
    CHECK(parse("4x") == "holds \"4x\", which is no process");
    CHECK(parse("99999999999999999999") == "holds \"99999999999999999999\", which is no process");
    CHECK(parse("\x1b[2J") == "holds \"\\x1b[2J\", which is no process");
    CHECK(parse(std::string(65, '1')) == "is longer than 64 bytes");
}
