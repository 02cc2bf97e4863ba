// Every environment variable that pkgjail reads, with every wrong value. Which these are the sources say: a
// variable that is read anywhere and stands in no row below fails the test.
#include <csignal>
#include <fstream>
#include <regex>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "inputs/attempt.hpp"
#include "inputs/expected.hpp"
#include "inputs/values.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using namespace pkgjail::test;
namespace fs = std::filesystem;

namespace {

struct Variable {
    const char* name;
    std::vector<std::string> words; ///< a command that looks at it
    bool bare = false;              ///< without --state and --config, which would win over it
};

const std::vector<Variable> variables = {
    {"PKGJAIL_STATE", {"list"}, true},
    {"PKGJAIL_CONFIG", {"list"}, true},
    {"XDG_STATE_HOME", {"list"}},
    {"HOME", {"list"}},
    {"TERM", {"status"}},
    {"NO_COLOR", {"status"}},
    {"LC_ALL", {"status"}},
    {"LC_CTYPE", {"status"}},
    {"LANG", {"status"}},
    {"PATH", {"doctor"}},
    // These only in builds for tests.
    {"PKGJAIL_STEP_LOG", {"snapshot", "web", "logged"}},
    {"PKGJAIL_STOP_AT", {"snapshot", "web", "stopped"}},
    {"PKGJAIL_FAIL_AT", {"snapshot", "web", "failed"}},
    {"PKGJAIL_CONFINED_WITHOUT", {"update"}},
    {"PKGJAIL_NO_OPENAT2", {"verify", "web"}},
    {"PKGJAIL_NO_LANDLOCK", {"doctor"}},
};

/// Words in capitals in every source that asks for the environment.
std::set<std::string> read_anywhere() {
    static const std::regex word("\"([A-Z][A-Z0-9_]+)\"");
    // Capitals in those sources that are no variables.
    static const std::set<std::string> others = {"UTF"};
    std::set<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(PKGJAIL_SOURCE_DIR) / "pkgjail")) {
        if (!entry.is_regular_file())
            continue;
        std::ifstream in(entry.path());
        const std::string text((std::istreambuf_iterator<char>(in)), {});
        if (text.find("getenv(") == std::string::npos)
            continue;
        for (std::sregex_iterator found(text.begin(), text.end(), word), end; found != end; ++found)
            if (!others.contains((*found)[1]))
                names.insert((*found)[1]);
    }
    return names;
}

} // namespace

TEST_CASE("every environment variable that is read is tried", "[inputs][environment]") {
    std::set<std::string> tried;
    for (const Variable& variable : variables)
        tried.insert(variable.name);

    CHECK(fmt::format("{}", fmt::join(read_anywhere(), " ")) == fmt::format("{}", fmt::join(tried, " ")));
}

TEST_CASE("no value of an environment variable does more than it says", "[inputs][environment]") {
    const Target target;
    Expected expected("environment.txt");

    for (const Variable& variable : variables) {
        const std::string before = target.digest_but_audit_trail();
        for (const WrongValue& value : wrong_values())
            for (const bool json : {false, true}) {
                std::vector<std::string> words = variable.words;
                if (json)
                    words.insert(words.begin(), {"--json"});
                words.insert(words.begin(), "-n");
                const std::map<std::string, std::string> environment = {{variable.name, value.bytes}};
                const CommandResult result =
                    variable.bare ? target.run_bare(words, environment) : target.run(words, environment);
                count_input();
                INFO(variable.name << "=" << shown(value.bytes) << ": " << result.status << "\n"
                                   << result.out.substr(0, 500) << result.err.substr(0, 500));
                CHECK(complaint(result, variable.words.front(), json) == "");
                if (!json)
                    expected.saw(variable.name, value.name, std::to_string(result.status));
            }
        INFO(variable.name);
        CHECK(difference(before, target.digest_but_audit_trail()) == "");
    }
    expected.compare();
}
