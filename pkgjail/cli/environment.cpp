#include <algorithm>
#include <cctype>
#include <cstdlib>

#include <unistd.h>

#include <fmt/core.h>

#include "pkgjail/base/process.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/cli/failure.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/jail/suggest.hpp"
#include "pkgjail/ops/acts.hpp"
#include "pkgjail/ops/inspect.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;
using base::HostPath;

namespace {

HostPath beside_program(const char* below) {
    return base::own_program().parent_path().parent_path() / below;
}

/// Option, else environment variable, else nothing.
std::string setting(const std::string& option, const char* variable) {
    if (!option.empty())
        return option;
    const char* value = std::getenv(variable);
    return value == nullptr ? "" : value;
}

/// Where an ordinary user has jails; Error{configuration} when there is no telling.
HostPath state_of_user() {
    if (const std::string state = setting("", "XDG_STATE_HOME"); !state.empty() && state.front() == '/')
        return HostPath(state) / "pkgjail";
    if (const std::string home = setting("", "HOME"); !home.empty() && home.front() == '/')
        return HostPath(home) / ".local" / "state" / "pkgjail";
    throw Error(ErrorKind::configuration, "HOME", "is not set to a directory, so there is no place for jails",
                "give one with --state");
}

/// The supervisor lies in libexec of an installation, beside pkgjail in a build directory.
HostPath supervisor_program() {
    HostPath installed = beside_program("libexec/pkgjail-supervisor");
    std::error_code error;
    if (std::filesystem::exists(installed, error))
        return installed;
    return base::own_program().parent_path() / "pkgjail-supervisor";
}

} // namespace

Environment::Environment(boost::program_options::variables_map values, std::string verb,
                         std::string command_line)
    : values_(std::move(values)), verb_(std::move(verb)), command_line_(std::move(command_line)),
      report_({values_.count("json") != 0, values_.count("quiet") != 0, values_.count("verbose") != 0,
               values_.count("yes") != 0, values_.count("no-progress") == 0}) {}

std::string Environment::text(const std::string& option) const {
    return has(option) ? values_[option].as<std::string>() : "";
}

std::vector<std::string> Environment::list(const std::string& option) const {
    return has(option) ? values_[option].as<std::vector<std::string>>() : std::vector<std::string>{};
}

const ops::Context& Environment::context() {
    if (context_)
        return *context_;
    const std::string etc = setting(text("config"), "PKGJAIL_CONFIG");
    jail::Config config = jail::load_config(etc.empty() ? HostPath(PKGJAIL_CONFIG_DIR) : HostPath(etc),
                                            beside_program("share/pkgjail"));
    if (const std::string state = setting(text("state"), "PKGJAIL_STATE"); !state.empty())
        config.state = std::filesystem::absolute(state);
    else if (::geteuid() != 0 && config.state == jail::Config().state)
        config.state = state_of_user(); // the host's own is root's
    std::chrono::milliseconds patience{0};
    if (has("wait")) {
        const std::string wait = text("wait");
        const auto duration = jail::parse_duration(
            wait.find_first_not_of("0123456789") == std::string::npos ? wait + "s" : wait);
        if (!duration)
            throw Error(ErrorKind::usage, "--wait",
                        fmt::format("found \"{}\", allowed: seconds, or a duration such as 30s, 5m", wait));
        patience = *duration;
    }
    store::Layout layout(config.state);
    context_.emplace(ops::Context{std::move(config), std::move(layout), report_, supervisor_program(),
                                  patience, has("dry-run"), command_line_});
    return *context_;
}

void Environment::print_json(Json document) {
    report_.clear();
    Json all = {{"schema", "pkgjail." + verb_ + "/1"}};
    // Where an object has to grow, its members are copied with all that is in them.
    all.get_ref<Json::object_t&>().reserve(document.size() + 2);
    for (auto& member : document.items())
        all[member.key()] = std::move(member.value());
    all["warnings"] = report_.warnings();
    print(json_text(all));
}

void Environment::say(const std::string& text) {
    if (json() || quiet())
        return;
    report_.clear();
    print(text);
}

std::vector<std::string> named_jails(Environment& environment) {
    std::vector<std::string> names = environment.list("jail…");
    if (environment.has("all")) {
        if (!names.empty())
            throw Error(ErrorKind::usage, environment.verb(), "takes jails or --all, not both");
        return ops::jail_names(environment.context());
    }
    if (names.empty())
        throw Error(ErrorKind::usage, environment.verb(), "no jail given",
                    fmt::format("pkgjail {} JAIL…, or --all", environment.verb()));
    environment.context(); // what is wrong with the configuration is said once, not for each of them
    return names;
}

void JailResults::done(const std::string& jail, const Json& fields) {
    Json result = {{"jail", jail}};
    result.update(fields);
    results_.push_back(std::move(result));
    ++done_;
}

void Environment::failed(const Error& error) {
    if (!first_failure_)
        first_failure_ = error;
    if (context_)
        ops::explain_failed_acts(*context_, error.what(), exit_status(error.kind()));
}

void Environment::record_failures() {
    if (!context_)
        return;
    if (first_failure_)
        ops::explain_failed_acts(*context_, first_failure_->what(), exit_status(first_failure_->kind()));
    ops::record_failed_acts(*context_);
}

namespace {

/// What is at fault, or what was being done, is of this jail: "web", "jail web", "jails.d/web.jail:2".
bool is_about(const Error& error, const std::string& jail) {
    const auto has_as_word = [&](const std::string& text) {
        const auto is_part = [&](std::size_t at) {
            return at < text.size() && (std::isalnum(static_cast<unsigned char>(text[at])) != 0 ||
                                        text[at] == '-' || text[at] == '_');
        };
        for (auto at = text.find(jail); at != std::string::npos; at = text.find(jail, at + 1))
            if ((at == 0 || !is_part(at - 1)) && !is_part(at + jail.size()))
                return true;
        return false;
    };
    return has_as_word(error.object()) ||
           std::any_of(error.context().begin(), error.context().end(), has_as_word);
}

} // namespace

void JailResults::failed(const std::string& jail, Error error, const Json& fields) {
    if (error.kind() != ErrorKind::usage && !is_about(error, jail))
        error.add_context("jail " + jail);
    environment_.failed(error);
    if (first_failure_ == exit_done)
        first_failure_ = exit_status(error.kind());
    Json result = {{"jail", jail}};
    result.update(fields);
    result["error"] = error_json(environment_.verb(), error);
    results_.push_back(std::move(result));
    print_failure(environment_, error);
}

int JailResults::finish(const Json& fields) {
    if (environment_.json()) {
        Json document = fields;
        document["results"] = results_;
        environment_.print_json(std::move(document));
    }
    if (first_failure_ == exit_done)
        return exit_done;
    return done_ > 0 ? exit_partial : first_failure_;
}

int for_each_jail(Environment& environment, const std::vector<std::string>& jails,
                  const std::function<Json(const std::string& jail)>& action) {
    JailResults results(environment);
    for (const std::string& jail : jails) {
        try {
            results.done(jail, action(jail));
        } catch (const Error& error) {
            results.failed(jail, error);
        }
    }
    return results.finish();
}

std::string json_text(const Json& document) {
    return document.dump(2, ' ', true, Json::error_handler_t::replace) + "\n";
}

Json error_json(const std::string& verb, const Error& error) {
    Json json = {{"verb", verb},
                 {"kind", kind_name(error.kind())},
                 {"exit_status", exit_status(error.kind())},
                 {"while", error.context()},
                 {"object", error.object()},
                 {"cause", error.cause()}};
    if (!error.hint().empty())
        json["hint"] = error.hint();
    return json;
}

} // namespace pkgjail::cli
