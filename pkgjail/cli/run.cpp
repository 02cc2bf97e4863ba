// argv to exit status: global options, the verb, its options, and the one place where an Error ends.
#include <algorithm>
#include <cctype>
#include <csignal>
#include <set>

#include <unistd.h>

#include <fmt/core.h>

#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/cli/failure.hpp"
#include "pkgjail/cli/usage.hpp"
#include "pkgjail/jail/suggest.hpp"
#include "pkgjail/ops/session.hpp"

namespace pkgjail::cli {

namespace po = boost::program_options;
using base::Error;
using base::ErrorKind;

namespace {

/// Global options that take a value, so that the verb behind them is found.
const std::set<std::string> valued_globals = {"--state", "--config", "--wait"};

struct Split {
    std::vector<std::string> options; ///< before and after the verb
    std::string verb;                 ///< empty: none
    std::vector<std::string> inner;   ///< of exec: the command inside, verbatim
};

/// Finds the verb, and for exec where the inner command begins: behind the first word that is neither an
/// option nor an option's value.
Split split(const std::vector<std::string>& words) {
    Split result;
    std::size_t i = 0;
    for (; i < words.size() && words[i].starts_with("-") && words[i] != "--"; ++i) {
        result.options.push_back(words[i]);
        if (valued_globals.contains(words[i]) && i + 1 < words.size())
            result.options.push_back(words[++i]);
    }
    if (i == words.size())
        return result;
    result.verb = words[i++];
    const Command* command = find_command(result.verb);
    if (command == nullptr || !command->rest_verbatim) {
        result.options.insert(result.options.end(), words.begin() + static_cast<std::ptrdiff_t>(i),
                              words.end());
        return result;
    }
    for (; i < words.size(); ++i) {
        const bool is_option = words[i].starts_with("-") && words[i].size() > 1;
        result.options.push_back(words[i]);
        if (is_option && (words[i] == "-u" || words[i] == "--user" || valued_globals.contains(words[i])) &&
            i + 1 < words.size())
            result.options.push_back(words[++i]);
        else if (!is_option) { // the jail; the rest is the command's
            ++i;
            break;
        }
    }
    if (i < words.size() && words[i] == "--")
        ++i;
    result.inner.assign(words.begin() + static_cast<std::ptrdiff_t>(i), words.end());
    return result;
}

std::vector<std::string> long_names(const po::options_description& description) {
    std::vector<std::string> names;
    for (const auto& option : description.options())
        names.push_back("--" + option->long_name());
    return names;
}

struct Parsed {
    po::variables_map values;
    std::string command_line;
};

/// A word as a shell would be given it.
std::string quoted(const std::string& word) {
    constexpr const char* plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%";
    if (!word.empty() && word.find_first_not_of(plain) == std::string::npos)
        return word;
    std::string text = "'";
    for (const char c : word)
        text += c == '\'' ? "'\\''" : std::string(1, c);
    return text + "'";
}

/// What was asked for, in one form however it was typed and without the options that every command takes:
/// "install nginx --set port=8081". History shows it.
std::string command_line_of(const Command& command, const po::parsed_options& parsed,
                            const std::vector<std::string>& inner) {
    const po::options_description globals = global_options();
    std::string text = command.name;
    for (const po::option& option : parsed.options) {
        const bool positional = option.position_key >= 0;
        if (!positional && globals.find_nothrow(option.string_key, false) != nullptr)
            continue;
        if (!positional)
            text += " --" + option.string_key;
        for (const std::string& value : option.value)
            // Somebody may have given the secret itself in the place of the file that holds it.
            text.append(" ").append(
                quoted(option.string_key == "secret" ? value.substr(0, value.find('=')) + "=FILE" : value));
    }
    for (const std::string& word : inner)
        text.append(" ").append(quoted(word));
    return text;
}

/// The first value that is empty, as "--jail" or "JAIL"; empty: there is none. An empty word is mostly a
/// variable of a script that was never set, and nothing takes one: it would be read as "not given".
std::string empty_value(const po::parsed_options& parsed) {
    for (const po::option& option : parsed.options)
        if (std::find(option.value.begin(), option.value.end(), "") != option.value.end()) {
            if (option.position_key < 0)
                return "--" + option.string_key;
            std::string name = option.string_key.substr(0, option.string_key.find("…"));
            std::transform(name.begin(), name.end(), name.begin(),
                           [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
            return name;
        }
    return {};
}

/// Parses what belongs to a command. Boost's exceptions become usage errors in our own words.
Parsed parse(const Command& command, const Split& words) {
    po::options_description visible = global_options();
    command.options(visible);
    po::options_description all = visible;
    po::positional_options_description positional;
    for (const std::string& name : command.positional) {
        if (name.ends_with("…")) {
            all.add_options()(name.c_str(), po::value<std::vector<std::string>>());
            positional.add(name.c_str(), -1);
        } else {
            all.add_options()(name.c_str(), po::value<std::string>());
            positional.add(name.c_str(), 1);
        }
    }
    const auto fail = [&](const std::string& object, const std::string& cause, const std::string& hint = {}) {
        const char* space = *command.arguments == '\0' ? "" : " ";
        throw Error(ErrorKind::usage, object, cause,
                    hint.empty() ? fmt::format("pkgjail {}{}{}", command.name, space, command.arguments)
                                 : hint);
    };
    Parsed result;
    try {
        const po::parsed_options parsed =
            po::command_line_parser(words.options)
                .options(all)
                .positional(positional)
                .style(po::command_line_style::unix_style & ~po::command_line_style::allow_guessing)
                .run();
        // A shell asks for completion of a word that nobody has begun.
        if (const std::string name = empty_value(parsed);
            !name.empty() && std::string_view(command.name) != "complete")
            fail(name, "found \"\", allowed: anything that is not empty");
        po::store(parsed, result.values);
        result.command_line = command_line_of(command, parsed, words.inner);
    } catch (const po::unknown_option& error) {
        fail(error.get_option_name(), "unknown option",
             jail::did_you_mean(error.get_option_name(), long_names(visible)));
    } catch (const po::too_many_positional_options_error&) {
        fail(command.name, "too many arguments");
    } catch (const po::multiple_occurrences& error) {
        fail(error.get_option_name(), "given more than once");
    } catch (const po::invalid_command_line_syntax& error) {
        fail(error.get_option_name().empty() ? error.tokens() : error.get_option_name(),
             "its value is missing, or it takes none");
    } catch (const po::error& error) {
        fail(command.name, error.what());
    }
    if (!words.inner.empty())
        result.values.insert({"command…", po::variable_value(boost::any(words.inner), false)});
    return result;
}

bool wants(const std::vector<std::string>& words, std::initializer_list<const char*> options) {
    return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
        return std::any_of(options.begin(), options.end(),
                           [&](const char* option) { return word == option; });
    });
}

/// What --help and --version print; the document is that of the commands of these names.
int print_about(bool json, const char* verb, const char* key, const std::string& text) {
    if (json)
        print(json_text(
            {{"schema", fmt::format("pkgjail.{}/1", verb)}, {key, text}, {"warnings", Json::array()}}));
    else
        print(text);
    return exit_done;
}

/// Whether a command that changes things is told not to.
bool only_looks(Environment& environment) {
    return environment.context().dry_run || environment.has("check") || environment.has("export");
}

int dispatch(const std::vector<std::string>& words, bool json, std::string& verb) {
    const Split parts = split(words);
    verb = parts.verb;
    if (parts.verb.empty()) {
        if (wants(parts.options, {"--version", "-V"}))
            return print_about(json, "version", "version",
                               json ? PKGJAIL_VERSION : fmt::format("pkgjail {}\n", PKGJAIL_VERSION));
        if (wants(parts.options, {"--help", "-h"}))
            return print_about(json, "help", "text", overview());
        if (!parts.options.empty())
            throw Error(ErrorKind::usage, "", "no command given", "pkgjail help lists them");
        print_error(overview());
        return exit_usage;
    }
    const Command* command = find_command(parts.verb);
    if (command == nullptr)
        throw Error(ErrorKind::usage, parts.verb, "there is no such command",
                    no_such_command_hint(parts.verb));
    const Parsed parsed = parse(*command, parts);
    if (parsed.values.contains("help"))
        return print_about(json, "help", "text", help_of(*command));
    Environment environment(parsed.values, command->name, parsed.command_line);
    try {
        if (command->changes && !only_looks(environment))
            ops::bring_catalog_up_to_date(environment.context());
        const int status = command->run(environment);
        environment.record_failures();
        return status;
    } catch (const Error& error) {
        environment.failed(error);
        environment.record_failures();
        throw;
    }
}

/// What is not permitted mostly needs root; who is not is told so.
Error with_hint(const Error& error) {
    if (error.kind() != ErrorKind::denied || !error.hint().empty() || ::geteuid() == 0)
        return error;
    Error result(error.kind(), error.object(), error.cause(),
                 "run pkgjail as root, or with a state directory of your own");
    for (auto what = error.context().rbegin(); what != error.context().rend(); ++what)
        result.add_context(*what);
    return result;
}

/// The one place where a failure ends: a document with --json, one line and a hint in any case.
int tell(bool json, const std::string& verb, const Error& error) {
    if (json && error.object() != output_name) {
        try {
            print(json_text({{"schema", "pkgjail.error/1"}, {"error", error_json(verb, error)}}));
        } catch (const Error& second) {
            print_failure(verb, second);
        }
    }
    print_failure(verb, error);
    return exit_status(error.kind());
}

} // namespace

std::string no_such_command_hint(const std::string& name) {
    std::vector<std::string> names;
    for (const Command& known : commands())
        names.emplace_back(known.name);
    const std::string meant = jail::did_you_mean(name, names);
    return meant.empty() ? "pkgjail help lists them" : meant;
}

int run(int argc, char** argv) {
    const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
    // Up to the inner command of exec, whose own --json is none of ours.
    const bool json = wants(split(words).options, {"--json"});
    std::string verb;
    try {
        return dispatch(words, json, verb);
    } catch (const Error& error) {
        return tell(json, verb, with_hint(error));
    } catch (const std::filesystem::filesystem_error& error) {
        return tell(json, verb,
                    base::system_error(error.code().value(), error.path1().string(), "file system"));
    } catch (const std::exception& error) {
        return tell(json, verb,
                    Error(ErrorKind::system, "pkgjail", error.what(),
                          "this is a defect of pkgjail; please report it"));
    }
}

} // namespace pkgjail::cli
