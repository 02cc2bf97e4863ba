// logs: choosing records and merging jails.
#include <csignal>
#include <fstream>

#include <fmt/format.h>

#include "flow/flow.hpp"
#include "flow/recorded.hpp"
#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/process.hpp"
#include "pkgjail/store/layout.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::check_fails;
using test::CommandResult;
using test::Host;

namespace {

/// Two jails whose records interleave.
struct TwoJails {
    Host host;
    TwoJails() {
        test::record_jail(host, "db", {"redis-7.0"});
        test::record_jail(host, "web", {"nginx-1.26"});
        test::write_log(host, "db",
                        "2026-11-21T12:00:01.000000Z out ready\n"
                        "2026-11-21T12:00:03.000000Z err out of memory\n");
        test::write_log(host, "web",
                        "2026-11-21T12:00:00.000000Z sup started as process 7\n"
                        "2026-11-21T12:00:02.000000Z out GET /a\n"
                        "2026-11-21T12:00:04.000000Z out+ GET /b\n");
    }
};

} // namespace

TEST_CASE("records of several jails are merged by time", "[flow][logs]") {
    const TwoJails two;

    CHECK(two.host.run({"logs"}).out == "2026-11-21T12:00:00Z web sup started as process 7\n"
                                        "2026-11-21T12:00:01Z db out ready\n"
                                        "2026-11-21T12:00:02Z web out GET /a\n"
                                        "2026-11-21T12:00:03Z db err out of memory\n"
                                        "2026-11-21T12:00:04Z web out+ GET /b\n");
    CHECK(two.host.run({"logs", "db"}).out == "2026-11-21T12:00:01Z out ready\n"
                                              "2026-11-21T12:00:03Z err out of memory\n");
}

TEST_CASE("a number behind -n, which is a dry run, is told how to ask for lines", "[flow][logs]") {
    const TwoJails two;

    check_fails(two.host, {"logs", "db", "-n", "5"}, 5,
                "pkgjail: logs: 5: there is no jail of this name, and -n is --dry-run\n"
                "hint: --lines 5 shows the last ones\n");
    test::record_jail(two.host, "5", {"redis-7.0"});
    test::write_log(two.host, "5", "2026-11-21T12:00:01.000000Z out ready\n");
    CHECK(two.host.run({"logs", "-n", "5"}).out == "2026-11-21T12:00:01Z out ready\n");
}

TEST_CASE("logs of a jail that is not there are refused, whatever else is asked for", "[flow][logs]") {
    const TwoJails two;

    check_fails(two.host, {"logs", "db", "wbe"}, 5,
                "pkgjail: logs: wbe: there is no jail of this name\nhint: did you mean \"web\"?\n");
    check_fails(Host(), {"logs", "web"}, 5, "pkgjail: logs: web: there is no jail of this name\n");
    CHECK(Host().run({"logs"}).out.empty());
}

TEST_CASE("many long records are printed whole and in their order", "[flow][logs]") {
    const TwoJails two;
    const std::string text(1000, 'x');
    std::string log, expected;
    for (int second = 0; second < 60; ++second)
        for (int part = 0; part < 5; ++part) {
            log +=
                fmt::format("2026-11-21T13:00:{:02}.{:06}Z out {} {}{}\n", second, part, second, part, text);
            expected += fmt::format("{} {}{}\n", second, part, text);
        }
    test::write_log(two.host, "web", log);

    CHECK(two.host.run({"logs", "web", "--raw", "--lines", "1000"}).out == expected);
    CHECK(two.host.run({"logs", "--raw", "--since", "2026-11-21T13:00:00Z", "--lines", "1000"}).out ==
          expected);
}

TEST_CASE("records are chosen by time, by expression and by number", "[flow][logs]") {
    const TwoJails two;
    const auto shown = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"logs", "--raw"});
        return two.host.run(arguments).out;
    };

    CHECK(shown({"--since", "2026-11-21T12:00:03Z"}) == "out of memory\nGET /b\n");
    CHECK(shown({"--until", "2026-11-21T12:00:01Z"}) == "started as process 7\nready\n");
    CHECK(shown({"--since", "2026-11-21T12:00:01Z", "--until", "2026-11-21T12:00:02Z"}) == "ready\nGET /a\n");
    CHECK(shown({"--grep", "^GET /[ab]$"}) == "GET /a\nGET /b\n");
    CHECK(shown({"--grep", "ready|memory"}) == "ready\nout of memory\n");
    CHECK(shown({"--grep", "nothing like it"}).empty());
    // The last one that matches, not a match among the last one.
    CHECK(shown({"web", "--grep", "GET /a", "--lines", "1"}) == "GET /a\n");
    CHECK(shown({"--lines", "1"}) == "out of memory\nGET /b\n");
}

TEST_CASE("logs as JSON have the precise time, jail and stream", "[flow][logs]") {
    const TwoJails two;

    const auto records = two.host.run({"logs", "--json", "--grep", "/b"}).json()["records"];

    REQUIRE(records.size() == 1);
    CHECK(records[0]["time"] == "2026-11-21T12:00:04.000000Z");
    CHECK(records[0]["jail"] == "web");
    CHECK(records[0]["stream"] == "out+");
    CHECK(records[0]["text"] == "GET /b");
}

TEST_CASE("a wrong regular expression is told with its position", "[flow][logs]") {
    const Host host;

    const CommandResult result = host.run({"logs", "--grep", "ab(c"});
    CHECK(result.status == 64);
    CHECK(result.out.empty());
    CHECK_THAT(result.err, ContainsSubstring("pkgjail: logs: --grep: found \"ab(c\", which is no regular "
                                             "expression: wrong at character 3 ("));
    check_fails(host, {"logs", "--grep", ""}, 64,
                "pkgjail: logs: --grep: found \"\", allowed: anything that is not empty\nhint: pkgjail logs "
                "[JAIL…] [-f] [--lines N] [--since TIME] [--until TIME] [--grep RE]\n");
    check_fails(host, {"logs", "--until", "never"}, 64,
                "pkgjail: logs: --until: found \"never\", allowed: a time such as 2026-11-21T23:40:00Z, or "
                "a duration such as 10m, 2h\n");
    check_fails(host, {"logs", "-f", "--until", "1m"}, 64,
                "pkgjail: logs: --until: ends what --follow asks to go on with\n");
}

TEST_CASE("two logs are followed at once, from the last records on", "[flow][logs]") {
    const TwoJails two;
    const store::Layout layout(two.host.state());
    base::Pipe pipe = base::make_pipe();
    base::Command command;
    command.argv = {test::pkgjail_program(),
                    "--state",
                    two.host.state().string(),
                    "--config",
                    two.host.etc().string(),
                    "logs",
                    "-f",
                    "--lines",
                    "1"};
    command.environment = {"LC_ALL=C.UTF-8"};
    command.standard_output = pipe.write_end.get();
    base::Child child = base::Child::start(command);
    pipe.write_end.reset();
    std::string seen;
    const auto read_until = [&](const std::string& text) {
        char buffer[4096];
        while (seen.find(text) == seen.npos) {
            const ssize_t count = ::read(pipe.read_end.get(), buffer, sizeof buffer);
            if (count <= 0)
                return;
            seen.append(buffer, static_cast<std::size_t>(count));
        }
    };

    read_until("GET /b");
    std::ofstream(layout.log("db"), std::ios::app) << "2026-11-21T12:00:05.000000Z out five\n";
    read_until("five");
    std::ofstream(layout.log("web"), std::ios::app) << "2026-11-21T12:00:06.000000Z out six\n";
    read_until("six");
    child.kill(SIGTERM);

    CHECK(child.wait().describe() == "exit status 0");
    CHECK(seen == "2026-11-21T12:00:03Z db err out of memory\n"
                  "2026-11-21T12:00:04Z web out+ GET /b\n"
                  "2026-11-21T12:00:05Z db out five\n"
                  "2026-11-21T12:00:06Z web out six\n");
}
