// Command lines that are wrong as a whole: verbs that there are not, options that look like others, flags
// with values, options given twice, too many arguments; and that the program itself answers as its main
// function does in the other tests.
#include <fmt/format.h>

#include "inputs/attempt.hpp"
#include "inputs/expected.hpp"
#include "inputs/values.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/usage.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using namespace pkgjail::test;

namespace {

/// What cannot be understood is usage, told of the right object, with and without --json.
void check_usage(const Target& target, const std::string& verb, const std::vector<std::string>& words,
                 const std::string& object) {
    for (const bool json : {false, true}) {
        std::vector<std::string> all = words;
        if (json)
            all.insert(all.begin(), "--json");
        const CommandResult result = target.run(all);
        count_input();
        INFO(shown(words.front()) << " " << shown(words.back()) << ": " << result.status << "\n"
                                  << result.out.substr(0, 300) << result.err.substr(0, 600));
        CHECK(complaint(result, verb, json) == "");
        CHECK(result.status == 64);
        CHECK((json || result.out.empty()));
        CHECK(result.err.find(base::printable(object.substr(0, 40))) != std::string::npos);
    }
}

} // namespace

TEST_CASE("no value is taken for a verb", "[inputs][command-line]") {
    const Target target;
    const std::string before = target.digest();

    for (const WrongValue& value : wrong_values())
        if (!value.bytes.starts_with("-")) // an option, and no verb
            check_usage(target, "", {value.bytes}, value.bytes);
    for (const cli::Command& command : cli::commands()) {
        const std::string verb = command.name;
        std::string capitals = verb;
        for (char& c : capitals)
            c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        for (const std::string& wrong : {capitals, verb + " ", verb + "\n", verb + "\xe2\x80\x8b", " " + verb,
                                         "-" + verb, "--" + verb, "\xe2\x80\x94" + verb})
            if (!(wrong == "--help" || wrong == "--version"))
                check_usage(target, "", {wrong}, wrong.starts_with("-") ? "" : wrong);
    }
    CHECK(difference(before, target.digest()) == "");
}

TEST_CASE(
    "an option that is not quite one, twice, or with a value that it does not take is refused by every verb",
    "[inputs][command-line]") {
    const Target target;
    const std::string before = target.digest();
    const boost::program_options::options_description globals = cli::global_options();

    for (const cli::Command& command : cli::commands()) {
        const std::string verb = command.name;
        boost::program_options::options_description options;
        command.options(options);
        for (const auto& global : globals.options())
            if (verb == "list" || verb == "install") // parsed alike for all
                options.add(global);
        for (const auto& option : options.options()) {
            const std::string name = "--" + option->long_name();
            if (option->semantic()->max_tokens() == 0) {
                check_usage(target, verb, {verb, name + "=yes"}, name);
                check_usage(target, verb, {verb, name + "="}, name);
            } else if (name != "--set" && name != "--state" && name != "--config") {
                check_usage(target, verb, {verb, name + "="}, name);
            }
            check_usage(target, verb, {verb, name + "x"}, name);
            check_usage(target, verb, {verb, name.substr(0, name.size() - 1) + "\xd0\xb0"},
                        name.substr(0, name.size() - 1));
        }
        check_usage(target, verb, {verb, "--no-such-option"}, "--no-such-option");
        check_usage(target, verb, {verb, "--no-such-option=1"}, "--no-such-option");
        check_usage(target, verb, {verb, "-Z"}, "-Z");
        check_usage(target, verb, {verb, "--\033[31m"}, "--\033[31m");
        if (command.positional.empty() || !command.positional.back().ends_with("…")) {
            std::vector<std::string> words = {verb};
            words.insert(words.end(), command.positional.size() + 1, "web");
            check_usage(target, verb, words, verb);
        }
    }
    CHECK(difference(before, target.digest()) == "");
}

TEST_CASE("the place of state and configuration is no less checked than what is done there",
          "[inputs][command-line]") {
    const Target target;
    Expected expected("places.txt");

    for (const char* option : {"--state", "--config"})
        for (const char* verb : {"list", "status"})
            for (const WrongValue& value : wrong_values()) {
                const std::string before = target.digest();
                std::vector<std::string> words = {option, value.bytes, "-n", verb};
                if (option == std::string("--state"))
                    words.insert(words.end(), {"--config", target.etc().string()});
                else
                    words.insert(words.end(), {"--state", target.state().string()});
                const CommandResult result = target.run_bare(words, {});
                count_input();
                INFO(option << " " << shown(value.bytes) << " " << verb << ": " << result.status << "\n"
                            << result.out.substr(0, 500) << result.err.substr(0, 500));
                CHECK(complaint(result, verb, false) == "");
                expected.saw(fmt::format("{} {}", option, verb), value.name, std::to_string(result.status));
                if (target.digest() != before)
                    target.restore();
            }
    expected.compare();
}

TEST_CASE("how long to wait for others is checked before anything is waited for", "[inputs][command-line]") {
    const Target target;
    Expected expected("wait.txt");
    const std::string before = target.digest_but_audit_trail();

    for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
             {"list"}, {"stop", "web"}, {"install", "extra", "-j", "fresh"}, {"gc"}})
        for (const WrongValue& value : wrong_values())
            for (const bool json : {false, true}) {
                std::vector<std::string> all = {"-n", "--wait", value.bytes};
                if (json)
                    all.insert(all.begin(), "--json");
                all.insert(all.end(), words.begin(), words.end());
                const CommandResult result = target.run(all);
                count_input();
                INFO(words.front() << " --wait " << shown(value.bytes) << ": " << result.status << "\n"
                                   << result.out.substr(0, 500) << result.err.substr(0, 500));
                CHECK(complaint(result, words.front(), json) == "");
                if (result.status == 64)
                    CHECK((result.err + result.out).find("--wait") != std::string::npos);
                if (!json)
                    expected.saw("--wait " + words.front(), value.name, std::to_string(result.status));
            }
    CHECK(difference(before, target.digest_but_audit_trail()) == "");
    expected.compare();
}

TEST_CASE("the program answers as its main function does", "[inputs][command-line]") {
    const Target target;

    for (const WrongValue& value : wrong_values())
        for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
                 {"status", value.bytes}, {"install", "web", "-j", value.bytes, "-n"}}) {
            base::Command command;
            command.argv = {PKGJAIL_BINARY_DIR "/bin/pkgjail", "--state", target.state().string(), "--config",
                            target.etc().string()};
            command.argv.insert(command.argv.end(), words.begin(), words.end());
            command.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"};
            const base::Output output = base::run(command, std::chrono::seconds(60));
            const CommandResult expected = target.run(words);
            count_input();
            INFO(words.front() << " " << shown(value.bytes));
            CHECK_FALSE(output.exit.signalled);
            CHECK(output.exit.value == expected.status);
            CHECK(output.out == expected.out);
            CHECK(output.err == expected.err);
        }
}
