// Every verb, every option and every argument of the program's own table of commands with every wrong value.
// The exit statuses are in tests/data/inputs/command-line.txt, a line for each place where a value can stand;
// what else is asked of an outcome is in attempt.cpp. A new option is tried without being named here; a new
// verb needs a row below, which says what a right command line of it looks like.
#include <csignal>

#include <fmt/format.h>
#include <fmt/ranges.h>

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

using Words = std::vector<std::string>;

/// A right command line, to be made wrong at one place at a time. With --dry-run, so that what is accepted
/// changes nothing either.
struct Right {
    Words arguments;
    std::map<std::string, std::string> options{}; ///< without value: ""
};

const std::map<std::string, std::vector<Right>> right_ones = {
    {"update", {{{}}}},
    {"repo",
     {{{"list"}},
      {{"index", "../../../../All"}, {{"sign", ""}}},
      {{"key", "list"}},
      {{"key", "new", "other"}},
      {{"key", "revoke", "mine"}}}},
    {"search", {{{"web"}}}},
    {"avail", {{{"web"}}}},
    {"info", {{{"web"}}}},
    {"files", {{{"web"}}}},
    {"which", {{{"/usr/pkg/share/web/README"}}}},
    {"why", {{{"web", "web"}}}},
    {"install", {{{"extra"}, {{"jail", "fresh"}, {"no-start", ""}}}}},
    {"remove", {{{"extra"}, {{"jail", "web"}}}}},
    {"autoremove", {{{}, {{"jail", "web"}}}}},
    {"hold", {{{"web"}, {{"jail", "web"}}}}},
    {"unhold", {{{"web"}, {{"jail", "twin"}}}}},
    {"lock", {{{"web", "lockfile"}}}},
    {"upgrade", {{{"web"}}}},
    {"rollback", {{{"web", "1"}}}},
    {"history", {{{"web"}}}},
    {"config", {{{"web"}}}},
    {"diff", {{{"web", "1", "2"}}}},
    {"list", {{{}}}},
    {"status", {{{"web"}}}},
    {"start", {{{"web"}}}},
    {"stop", {{{"web"}}}},
    {"restart", {{{"web"}}}},
    {"reload", {{{"web"}}}},
    {"reset-failed", {{{"web"}}}},
    {"learned", {{{"web"}}}},
    {"limits", {{{"web", "memory=100M"}}}},
    {"exec", {{{"web", "true"}}}},
    {"shell", {{{"web"}}}},
    {"logs", {{{"web"}}}},
    {"snapshot", {{{"web", "second"}}}},
    {"snapshots", {{{"web"}}}},
    {"restore", {{{"web", "first"}, {{"yes", ""}}}}},
    {"drop", {{{"web", "first"}, {{"yes", ""}}}}},
    {"clone", {{{"web@first", "copy"}, {{"set", "port=8099"}, {"no-start", ""}}}}},
    {"export", {{{"web@first", "out"}}}},
    {"import",
     {{{"exported", "copy"}, {{"set", "port=8099"}, {"no-start", ""}}},
      {{"root", "copy"},
       {{"from", "dir"}, {"set", "port=8099"}, {"data", "/var/lib/web"}, {"replace", "web=web"}}},
      {{"ship.conf", "copy"}, {{"from", "sailor"}, {"set", "port=8099"}}}}},
    {"rename", {{{"web", "other"}}}},
    {"destroy", {{{"web"}, {{"yes", ""}}}}},
    {"apply", {{{"web"}}}},
    {"generate", {{{"systemd"}, {{"output", "units"}}}}},
    {"verify", {{{"web"}}}},
    {"audit", {{{"web"}}}},
    {"sbom", {{{"web"}}}},
    {"ps", {{{"web"}}}},
    {"top", {{{}, {{"once", ""}}}}},
    {"metrics", {{{}}}},
    {"serve", {{{}, {{"listen", "127.0.0.1:0"}}}}},
    {"volume",
     {{{"list", "files"}},
      {{"create", "more"}},
      {{"destroy", "files"}, {{"yes", ""}}},
      {{"attach", "web", "files:/srv/files"}},
      {{"detach", "twin", "/srv/files"}}}},
    {"secret", {{{"list", "web"}}, {{"set", "web", "key"}}, {{"remove", "web", "key"}}}},
    {"gc", {{{}}}},
    {"du", {{{"web"}}}},
    {"catalog", {{{"check"}}, {{"backup", "saved"}}, {{"rebuild"}}}},
    {"recipe", {{{"list"}}, {{"show", "web"}}, {{"check", "web"}}}},
    {"doctor", {{{}}}},
    {"complete", {{{"status", "w"}}}},
    {"help", {{{"list"}}}},
    {"version", {{{}}}},
};

/// Verbs that go on until they are ended.
bool goes_on(const std::string& verb) {
    return verb == "serve";
}

Words command_line(const std::string& verb, const std::map<std::string, std::string>& options,
                   const Words& more, const Words& arguments) {
    Words words = {verb};
    if (verb != "exec" && verb != "shell") // there it is refused
        words.push_back("--dry-run");
    for (const auto& [name, value] : options) {
        words.push_back("--" + name);
        if (!value.empty())
            words.push_back(value);
    }
    words.insert(words.end(), more.begin(), more.end());
    words.insert(words.end(), arguments.begin(), arguments.end());
    return words;
}

/// All texts of a document.
std::string texts_of(const nlohmann::json& document) {
    if (document.is_string())
        return document.get<std::string>() + "\n";
    std::string text;
    if (document.is_structured())
        for (const nlohmann::json& part : document)
            text += texts_of(part);
    return text;
}

/// One place of one right command line: every value there, and none at all.
class Place {
  public:
    Place(const Target& target, Expected& expected, const std::string& verb, const std::string& name)
        : target_(target), expected_(expected), verb_(verb), name_(name) {}

    /// `words` with the value in its place. Every other one is tried with --json.
    void attempt(const std::string& value_name, const std::string& value, Words words) {
        const bool json = ++attempts_ % 2 == 0 && verb_ != "complete";
        if (json)
            words.insert(words.begin(), "--json");
        const CommandResult result = target_.run(words, {}, goes_on(verb_) ? 0.3 : 20);
        count_input();
        if (goes_on(verb_) && result.status == 128 + SIGALRM)
            return expected_.saw(place(), value_name, "runs");
        INFO(place() << " with " << value_name << " " << shown(value) << ": " << result.status << "\n"
                     << result.out.substr(0, 500) << result.err.substr(0, 1500));
        CHECK(complaint(result, verb_, json) == "");
        if (result.status != 0 && result.status != 2)
            CHECK(names_object(result, value));
        expected_.saw(place(), value_name, std::to_string(result.status));
    }

    std::string place() const { return verb_ + " " + name_; }

  private:
    /// Somewhere in the failure: the place where the value stands, or the value as it may be printed. Of a
    /// value that is JAIL/SERVICE or JAIL@SNAPSHOT it is the first part; a document cannot hold bytes that
    /// are no text; a name of a file may be told with its directory.
    bool names_object(const CommandResult& result, const std::string& value) const {
        const std::string text =
            fmt::format("{}", fmt::join(failure_lines(result), "\n")) +
            (result.out.starts_with('{') ? base::printable(texts_of(result.json())) : "");
        if (value.empty() || text.find(name_.substr(name_.rfind(' ') + 1)) != std::string::npos)
            return true;
        const std::string first = value.substr(0, std::min(value.find_first_of("/@\xc0\xed\xff", 1), 40ul));
        if (text.find(base::printable(first)) != std::string::npos)
            return true;
        if (name_.ends_with(":file"))
            return text.find(
                       std::filesystem::weakly_canonical(target_.working_directory() / value).string()) !=
                       std::string::npos ||
                   value == "-";
        return result.status == 77; // what is right with it only a runtime could tell
    }

    const Target& target_;
    Expected& expected_;
    std::string verb_;
    std::string name_;
    std::size_t attempts_ = 0;
};

void try_options(const Target& target, Expected& expected, const cli::Command& command, const Right& right,
                 const std::string& title) {
    boost::program_options::options_description options;
    command.options(options);
    for (const auto& option : options.options()) {
        if (option->semantic()->max_tokens() == 0)
            continue;
        const std::string name = option->long_name();
        std::map<std::string, std::string> others = right.options;
        others.erase(name);
        Place place(target, expected, command.name, title + "--" + name);
        for (const WrongValue& value : wrong_values())
            place.attempt(value.name, value.bytes,
                          command_line(command.name, others, {"--" + name, value.bytes}, right.arguments));
        place.attempt("missing", "", command_line(command.name, others, right.arguments, {"--" + name}));
    }
}

void try_arguments(const Target& target, Expected& expected, const cli::Command& command, const Right& right,
                   const std::string& title) {
    for (std::size_t i = 0; i < right.arguments.size(); ++i) {
        const std::string name = command.positional[std::min(i, command.positional.size() - 1)];
        // The words of exec's inner command are not pkgjail's.
        if (command.rest_verbatim && i > 0)
            break;
        Place place(target, expected, command.name, fmt::format("{}{}:{}", title, i + 1, name));
        for (const WrongValue& value : wrong_values()) {
            Words arguments = right.arguments;
            arguments[i] = value.bytes;
            place.attempt(value.name, value.bytes, command_line(command.name, right.options, {}, arguments));
        }
        Words arguments = right.arguments;
        arguments.resize(i);
        place.attempt("missing", "", command_line(command.name, right.options, {}, arguments));
    }
}

} // namespace

TEST_CASE(
    "every option and argument of every verb answers every wrong value with its exit status and an object",
    "[inputs][command-line]") {
    const Target target;
    Expected expected("command-line.txt");
    const std::string before = target.digest_but_audit_trail();

    for (const cli::Command& command : cli::commands()) {
        INFO("a new verb needs a row in right_ones: " << command.name);
        REQUIRE(right_ones.contains(command.name));
        for (const Right& right : right_ones.at(command.name)) {
            // "key new", "attach": whose arguments these are.
            std::string title;
            if (!command.positional.empty() && command.positional.front().starts_with("action"))
                for (const std::string& word : right.arguments)
                    if (word != right.arguments.back() || title.empty())
                        title += word + " ";
            try_options(target, expected, command, right, title);
            try_arguments(target, expected, command, right, title);
            INFO("after " << command.name << " " << fmt::format("{}", fmt::join(right.arguments, " ")));
            const std::string after = target.digest_but_audit_trail();
            if (after != before) {
                CHECK(difference(before, after) == "");
                target.restore();
            }
        }
    }
    expected.compare();
}
