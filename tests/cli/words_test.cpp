#include <algorithm>
#include <cctype>
#include <set>
#include <sstream>
#include <string>

#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/cli/report.hpp"
#include "pkgjail/cli/status_words.hpp"
#include "pkgjail/cli/usage.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using base::Error;
using base::ErrorKind;
using jail::Enforcement;
using jail::LimitKind;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);)
        lines.push_back(line);
    return lines;
}

} // namespace

TEST_CASE("an error is one line with verb, object and cause, and a hint", "[cli][error]") {
    Error error(ErrorKind::not_found, "nginxx", "no repository has it", "did you mean \"nginx\"?");
    CHECK(cli::error_text("install", error) == "pkgjail: install: nginxx: no repository has it\n"
                                               "hint: did you mean \"nginx\"?\n");

    error.add_context("plan jail web");
    CHECK(cli::error_text("install", error) ==
          "pkgjail: install: plan jail web: nginxx: no repository has it\n"
          "hint: did you mean \"nginx\"?\n");
    CHECK(cli::error_text("", Error(ErrorKind::usage, "", "no command given")) ==
          "pkgjail: no command given\n");
}

TEST_CASE("an object that is the verb is not said twice", "[cli][error]") {
    CHECK(cli::error_text("start", Error(ErrorKind::usage, "start", "no jail given")) ==
          "pkgjail: start: no jail given\n");
}

TEST_CASE("names with control characters cannot steer the terminal", "[cli][error]") {
    const Error error(ErrorKind::not_found, "\033[2J\nweb\xff\u202e", "there\r is none\u009b", "\007try");

    const std::string text = cli::error_text("sta\033rt", error);

    CHECK(text == "pkgjail: sta\\x1brt: \\x1b[2J\\x0aweb\\xff\\u{202e}: there\\x0d is none\\u{009b}\n"
                  "hint: \\x07try\n");
}

TEST_CASE("an overlong name loses its middle, not the cause", "[cli][error]") {
    const std::string text =
        cli::error_text("info", Error(ErrorKind::not_found, std::string(1u << 20, 'x'), "there is none"));

    CHECK(text.size() < 2100);
    CHECK(text.starts_with("pkgjail: info: xxxx"));
    CHECK_THAT(text, ContainsSubstring(" ... 1046791 bytes ... "));
    CHECK(text.ends_with("xxxx: there is none\n"));
    CHECK(lines_of(text).size() == 1);

    std::string wide; // a character is never cut in two
    for (int i = 0; i < 1000; ++i)
        wide += "日本";
    const std::string cut = cli::error_text("info", Error(ErrorKind::not_found, wide, "none"));
    CHECK(base::printable(cut, true) == cut);
}

TEST_CASE("every kind of error has an exit status and a name of its own", "[cli][error]") {
    std::set<int> statuses;
    std::set<std::string> names;
    std::string table;
    for (const ErrorKind kind :
         {ErrorKind::system, ErrorKind::finding, ErrorKind::partial, ErrorKind::unhealthy,
          ErrorKind::not_found, ErrorKind::conflict, ErrorKind::trust, ErrorKind::unsolvable,
          ErrorKind::usage, ErrorKind::corrupt, ErrorKind::network, ErrorKind::busy, ErrorKind::denied,
          ErrorKind::configuration}) {
        statuses.insert(cli::exit_status(kind));
        names.insert(cli::kind_name(kind));
        table += std::to_string(cli::exit_status(kind)) + " " + cli::kind_name(kind) + "\n";
    }

    CHECK(statuses.size() == 14);
    CHECK(names.size() == 14);
    CHECK(table == "1 failed\n2 finding\n3 partial\n4 unhealthy\n5 not-found\n6 conflict\n7 trust\n"
                   "8 unsolvable\n64 usage\n65 bad-data\n69 unreachable\n75 busy\n77 not-permitted\n"
                   "78 bad-configuration\n");
}

TEST_CASE("an error in JSON has its parts", "[cli][error]") {
    Error error(ErrorKind::unsolvable, "web", "is in the way", "remove it");
    error.add_context("plan");

    CHECK(cli::error_json("install", error).dump() ==
          R"({"verb":"install","kind":"unsolvable","exit_status":8,"while":["plan"],"object":"web",)"
          R"("cause":"is in the way","hint":"remove it"})");
}

TEST_CASE("a JSON document is ASCII, whatever bytes it is about", "[cli][json]") {
    const std::string text = cli::json_text({{"name", "\033[2J\u009b\u202e\xff\x7f"}});

    CHECK(std::all_of(text.begin(), text.end(), [](char c) { return (c >= ' ' && c <= '~') || c == '\n'; }));
    CHECK(cli::Json::parse(text)["name"] == "\033[2J\u009b\u202e\ufffd\x7f");
}

TEST_CASE("help fits 80 columns and its summary begins as a sentence does", "[cli][help]") {
    for (const std::string& line : lines_of(cli::overview())) {
        INFO(line);
        CHECK(base::display_width(line) <= 80);
    }
    std::set<std::size_t> columns; // where summaries begin
    for (const cli::Command& command : cli::commands())
        for (const std::string& line : lines_of(cli::overview()))
            if (line.starts_with(std::string("  ") + command.name + " ") && line.ends_with(command.summary))
                columns.insert(line.size() - std::string_view(command.summary).size());
    CHECK(columns.size() == 1);
    for (const cli::Command& command : cli::commands()) {
        const auto lines = lines_of(cli::help_of(command));
        for (const std::string& line : lines) {
            INFO(line);
            CHECK(base::display_width(line) <= 80);
        }
        CHECK(lines.front().starts_with(std::string("usage: pkgjail ") + command.name));
        const auto blank = std::find(lines.begin(), lines.end(), "");
        REQUIRE(blank + 1 < lines.end());
        CHECK(std::isupper(static_cast<unsigned char>((blank + 1)->front())) != 0);
    }
}

TEST_CASE("a command takes no option that is a global one already", "[cli][help]") {
    std::set<std::string> globals;
    const auto global = cli::global_options();
    for (const auto& option : global.options())
        globals.insert(option->long_name());
    for (const cli::Command& command : cli::commands()) {
        boost::program_options::options_description own;
        command.options(own);
        for (const auto& option : own.options())
            CHECK(globals.count(option->long_name()) == 0);
    }
}

TEST_CASE("a state is told with what explains it", "[cli][status]") {
    supervise::ServiceStatus status;
    status.state = supervise::ServiceState::ready;
    status.ready_at = base::wall_now();
    CHECK(cli::state_text(status) == "ready");
    status.ready_at = base::wall_now() + std::chrono::hours(1); // the clock was set back
    CHECK(cli::state_text(status) == "ready");
    status.ready_at = base::wall_now() - std::chrono::seconds(7801);
    CHECK(cli::state_text(status) == "ready for 2h 10m");
    status.state = supervise::ServiceState::failed;
    status.reason = "exit status 1\033";
    CHECK(cli::state_text(status) == "failed: exit status 1\\x1b");
}

TEST_CASE("limits stand in columns, and what rounding hides is not told", "[cli][status]") {
    const std::uint64_t mebibyte = 1u << 20;
    const std::vector<jail::LimitReading> limits = {
        {LimitKind::memory, 512 * mebibyte + 1, 512 * mebibyte, Enforcement::enforced, "cgroup v2"},
        {LimitKind::processes, 64, 32, Enforcement::enforced, "cgroup v2 pids.max"},
        {LimitKind::disk, 1024 * mebibyte, std::nullopt, Enforcement::unavailable,
         "the file system has no project quotas"}};

    CHECK(cli::limit_lines(limits, 0) ==
          std::vector<std::string>{
              "memory     512M           enforced    cgroup v2",
              "processes  32 (wanted 64) enforced    cgroup v2 pids.max",
              "disk       1G             unavailable the file system has no project quotas"});
    for (const std::string& line : cli::limit_lines(limits, 60))
        CHECK(base::display_width(line) <= 60);
}
