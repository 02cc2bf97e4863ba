#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <string>

#include <nlohmann/json.hpp>

#include "bench/curve_svg.hpp"
#include "bench/report.hpp"
#include "support/catch.hpp"

using namespace pkgjail::bench;

namespace {

Results results_of(const std::string& lines) {
    std::istringstream input(lines);
    return read_results(input);
}

const Circumstances somewhere{"Linux 6 x86_64", "2026-10-03", "0.1", "0.2", "3 rounds"};

/// Three rounds on a machine that became twice as slow in the second.
const char* const rounds = "install sample ours 100 50\ninstall sample bsdtar 80\n"
                           "install sample ours 200 45\ninstall sample bsdtar 160\n"
                           "install sample ours 110 40\ninstall sample bsdtar 100\n";

} // namespace

TEST_CASE("a ratio is taken round by round, so that a slow round does not count", "[bench]") {
    const auto ratio = results_of(rounds).ratio("install", "ours", "bsdtar");

    REQUIRE(ratio);
    CHECK(ratio->median == Approx(1.25));
    CHECK(ratio->least == Approx(1.1));
    CHECK(ratio->greatest == Approx(1.25));
}

TEST_CASE("things measured unequally often are compared by their medians", "[bench]") {
    const auto ratio =
        results_of(std::string(rounds) + "install sample bsdtar 1000\n").ratio("install", "ours", "bsdtar");

    REQUIRE(ratio);
    CHECK(ratio->median == Approx(110.0 / 130));
}

TEST_CASE("each kind of goal is reached on its side of the limit alone", "[bench]") {
    const auto reached = [](const std::string& goal) {
        const Results results = results_of(std::string(rounds) + "install goal " + goal + "\n");
        const auto outcome = results.outcome(results.goals.at(0));
        return outcome ? outcome->reached ? "yes" : "no" : "not measured";
    };

    CHECK(reached("ours most 110") == std::string("yes"));
    CHECK(reached("ours most 109") == std::string("no"));
    CHECK(reached("ours most 1.25 times bsdtar") == std::string("yes"));
    CHECK(reached("ours most 1.24 times bsdtar") == std::string("no"));
    CHECK(reached("ours most 10 over bsdtar") == std::string("yes"));
    CHECK(reached("ours most 9 over bsdtar") == std::string("no"));
    CHECK(reached("ours least 1.25 times bsdtar") == std::string("yes"));
    CHECK(reached("ours least 1.26 times bsdtar") == std::string("no"));
    CHECK(reached("ours most 2 times podman") == std::string("not measured"));
}

TEST_CASE("the table says what was not reached, not measured and not compared, within 80 columns",
          "[bench]") {
    const std::string text = report_text(
        results_of(std::string(rounds) +
                   "install goal ours most 1.2 times bsdtar\n"
                   "install goal ours least 3 times podman\n"
                   "memory value peak MiB 12.34\nmemory goal peak most 64\n"
                   "install versus ours bsdtar\ninstall missing podman there is none\n"
                   "growth point jails status 1 5\ngrowth point jails status 100 50\n"
                   "install note a text that is longer than a line has room for, since what a bench "
                   "has to tell is now and then more\n"),
        somewhere);

    CHECK(text == R"(2026-10-03, Linux 6 x86_64
load 0.1 before, 0.2 after; 3 rounds

measured                           median    least greatest   worked   n unit
install
  ours                                110      100      200     45.0   3 ms
  bsdtar                              100     80.0      160            3 ms
memory
  peak                               12.3     12.3     12.3            1 MiB

to reach                      found of                             limit reached
ours                           1.25 bsdtar                       <= 1.2x NO
ours                              - podman                         >= 3x -
peak                           12.3                            <= 64 MiB yes

ratio                          median    least greatest times
ours                             1.25     1.10     1.25 bsdtar

by jails                            1        100
  status                         5.00       50.0

install: not compared: podman there is none

install: a text that is longer than a line has room for, since what a bench has
    to tell is now and then more
)");
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
        CHECK(line.size() <= 80);
}

TEST_CASE("the document has what the table has", "[bench]") {
    const auto document = nlohmann::json::parse(report_json(
        results_of(std::string(rounds) +
                   "install goal ours most 1.2 times bsdtar\ninstall goal ours least 3 times podman\n"),
        somewhere));

    CHECK(document["measured"][0]["samples"] == nlohmann::json::parse("[100, 200, 110]"));
    CHECK(document["goals"][0]["reached"] == false);
    CHECK(document["goals"][0]["of"] == "bsdtar");
    CHECK(document["goals"][1]["reached"].is_null());
}

TEST_CASE("a line that no bench may print is named", "[bench]") {
    CHECK_THROWS_WITH(results_of("install smaple ours 1\n"), ContainsSubstring("smaple"));
    CHECK_THROWS_WITH(results_of("install sample ours\n"), ContainsSubstring("a number is missing"));
    CHECK_THROWS_WITH(results_of("install sample ours 1\ninstall value ours MiB 1\n"),
                      ContainsSubstring("two units"));
    CHECK_THROWS_WITH(results_of("install goal ours most 1 of bsdtar\n"), ContainsSubstring("a goal is"));
}

TEST_CASE("what is constant lies flat and what grows in proportion is parallel to the guide", "[bench]") {
    const std::string svg = curve_svg(
        "a < b", "jails", "ms", {{"flat", {{1, 10}, {100, 10}}}, {"steep", {{1, 1}, {10, 10}, {100, 100}}}});

    CHECK(svg.find("a &lt; b") != std::string::npos);
    CHECK(svg.find("d=\"M70.0 195.0L450.0 195.0\"") != std::string::npos);
    CHECK(svg.find("class=\"guide\" d=\"M70.0 350.0L450.0 40.0\"") != std::string::npos);
    CHECK(svg.find("stroke=\"#c0392b\" d=\"M70.0 350.0L260.0 195.0L450.0 40.0\"") != std::string::npos);
    CHECK(curve_svg("t", "x", "y", {}).find("nothing was measured") != std::string::npos);
}
