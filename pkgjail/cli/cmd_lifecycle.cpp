// start, stop, restart, reload, destroy: over several jails.
#include <functional>
#include <optional>
#include <utility>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/cli/status_words.hpp"
#include "pkgjail/jail/profile.hpp"
#include "pkgjail/jail/suggest.hpp"
#include "pkgjail/ops/declared.hpp"
#include "pkgjail/ops/lifecycle.hpp"
#include "pkgjail/ops/prepare.hpp"

namespace pkgjail::cli {

namespace {

/// "stopped", in a dry run "would be stopped"; what is so already is so in a dry run too.
std::string outcome(bool dry_run, bool changed, const char* done, const char* already) {
    if (!changed)
        return already;
    return dry_run ? std::string("would be ") + done : done;
}

/// `done` and `already`: what is said when it was done, and when there was nothing to do.
void tell(Environment& environment, JailResults& results, const ops::LifecycleResult& result,
          const char* done, const char* already, const char* relation) {
    if (result.error) {
        results.failed(result.jail, *result.error);
        return;
    }
    const bool dry_run = environment.context().dry_run;
    Json json = {{"changed", result.changed}};
    if (!result.because.empty())
        json["because"] = result.because;
    json.update(status_json(result.status));
    results.done(result.jail, json);
    if (!result.because.empty() && !result.changed)
        return; // it was only looked at
    environment.say(fmt::format(
        "jail {}: {}{}\n", result.jail, outcome(dry_run, result.changed, done, already),
        result.because.empty() ? "" : fmt::format(", because {} {} it", result.because, relation)));
}

/// "JAIL/SERVICE" as its two parts; nullopt for a jail.
std::optional<std::pair<std::string, std::string>> service_of(const std::string& name) {
    const std::size_t slash = name.find('/');
    if (slash == std::string::npos)
        return std::nullopt;
    return std::pair(name.substr(0, slash), name.substr(slash + 1));
}

/// One service of several; what is said and what the document has.
Json ask_service(Environment& environment, const std::pair<std::string, std::string>& name,
                 supervise::ServiceVerb verb, const char* done, const char* already) {
    const auto& [jail, service] = name;
    if (jail.empty() || service.empty() || service.find_first_of("/ \n") != std::string::npos)
        throw base::Error(base::ErrorKind::usage, environment.verb(),
                          fmt::format("found \"{}/{}\", allowed: JAIL or JAIL/SERVICE", jail, service));
    const ops::LifecycleResult result = ops::ask_service(environment.context(), jail, service, verb);
    environment.say(fmt::format("service {}/{}: {}\n", jail, service,
                                outcome(environment.context().dry_run, result.changed, done, already)));
    Json json = {{"service", service}, {"changed", result.changed}};
    json.update(status_json(result.status));
    return json;
}

/// Takes the services out of `names` and does it to them.
void ask_services(Environment& environment, std::vector<std::string>& names, JailResults& results,
                  supervise::ServiceVerb verb, const char* done, const char* already) {
    for (const std::string& name : std::exchange(names, {})) {
        const auto service = service_of(name);
        if (!service) {
            names.push_back(name);
            continue;
        }
        try {
            results.done(service->first, ask_service(environment, *service, verb, done, already));
        } catch (const base::Error& error) {
            results.failed(service->first, error);
        }
    }
}

using Operation = std::function<ops::LifecycleResult(const ops::Context&, const std::string&)>;

Json each_one(Environment& environment, const Operation& operation, const std::string& jail, const char* done,
              const char* already) {
    const ops::LifecycleResult result = operation(environment.context(), jail);
    environment.say(fmt::format("jail {}: {}\n", jail,
                                outcome(environment.context().dry_run, result.changed, done, already)));
    Json json = {{"changed", result.changed}};
    json.update(status_json(result.status));
    return json;
}

using Choice = std::vector<std::string>(const ops::Context&, const std::vector<std::string>&);

/// With --all only what it can be done to: no failure for a jail of tools.
std::vector<std::string> named_or_able(Environment& environment, Choice* able) {
    std::vector<std::string> names = named_jails(environment);
    return environment.has("all") ? able(environment.context(), names) : names;
}

int each(Environment& environment, const Operation& operation, const char* done, const char* already,
         Choice* able = nullptr, std::optional<supervise::ServiceVerb> verb = {}) {
    std::vector<std::string> names = able ? named_or_able(environment, able) : named_jails(environment);
    JailResults results(environment);
    if (verb)
        ask_services(environment, names, results, *verb, done, already);
    for (const std::string& jail : names) {
        try {
            results.done(jail, each_one(environment, operation, jail, done, already));
        } catch (const base::Error& error) {
            results.failed(jail, error);
        }
    }
    return results.finish();
}

/// Of whole jails that were named: it takes protection away, so it is asked for each by its name.
std::optional<ops::LearnRequest> learn_request(Environment& environment) {
    const std::string word = environment.text("profile");
    if (!environment.has("learn")) {
        if (!word.empty())
            throw base::Error(base::ErrorKind::usage, "--profile", "is a part of --learn");
        return std::nullopt;
    }
    const std::vector<std::string> names = environment.list("jail…");
    if (names.empty() || environment.has("all"))
        throw base::Error(base::ErrorKind::usage, "--learn", "takes jails by their names");
    for (const std::string& name : names)
        if (service_of(name))
            throw base::Error(base::ErrorKind::usage, "--learn",
                              fmt::format("found \"{}\", allowed: JAIL, because all services of a jail have "
                                          "its profile",
                                          name));
    if (word.empty())
        return ops::LearnRequest{};
    const auto profile = jail::find_profile(word);
    if (!profile)
        throw base::Error(base::ErrorKind::usage, "--profile " + word,
                          "is no profile, allowed: low, medium, high",
                          jail::did_you_mean(word, {"low", "medium", "high"}));
    return ops::LearnRequest{profile};
}

} // namespace

int cmd_start(Environment& environment) {
    const auto learn = learn_request(environment);
    std::vector<std::string> names;
    if (environment.has("wanted")) {
        if (environment.has("all") || !environment.list("jail…").empty())
            throw base::Error(base::ErrorKind::usage, "--wanted", "takes neither jails nor --all");
        names = ops::jails_to_start(environment.context());
    } else {
        names = named_or_able(environment, ops::with_service);
    }
    if (environment.has("prepare")) {
        if (environment.list("jail…").empty())
            throw base::Error(base::ErrorKind::usage, "--prepare", "takes jails by their names");
        for (const std::string& name : names)
            ops::prepare_anew(environment.context(), name);
    }
    JailResults results(environment);
    ask_services(environment, names, results, supervise::ServiceVerb::start, "started", "running already");
    ops::start(
        environment.context(), names,
        [&](const ops::LifecycleResult& result) {
            tell(environment, results, result, "started", "running already", "requires");
        },
        learn);
    return results.finish();
}
int cmd_stop(Environment& environment) {
    std::vector<std::string> names = named_jails(environment);
    JailResults results(environment);
    ask_services(environment, names, results, supervise::ServiceVerb::stop, "stopped", "not running");
    ops::stop(
        environment.context(), names, environment.has("dependents"),
        [&](const ops::LifecycleResult& result) {
            tell(environment, results, result, "stopped", "not running", "is required by");
        },
        environment.has("keep-wanted"));
    return results.finish();
}
int cmd_restart(Environment& environment) {
    const auto learn = learn_request(environment);
    return each(
        environment,
        [&learn](const ops::Context& context, const std::string& jail) {
            return ops::restart(context, jail, learn);
        },
        "restarted", "restarted", ops::with_service, supervise::ServiceVerb::restart);
}
int cmd_reload(Environment& environment) {
    return each(environment, ops::reload, "reloaded", "reloaded", ops::with_reload,
                supervise::ServiceVerb::reload);
}

int cmd_reset_failed(Environment& environment) {
    return each(environment, ops::reset_failed, "reset", "has not failed");
}

int cmd_destroy(Environment& environment) {
    const bool with_data = environment.has("with-data");
    const auto names = ops::dependents_first(environment.context(), named_jails(environment));
    return for_each_jail(environment, names, [&](const std::string& jail) {
        ops::destroy(environment.context(), jail, with_data);
        environment.say(fmt::format("jail {}: {}\n", jail,
                                    environment.context().dry_run ? "would be destroyed" : "destroyed"));
        return Json{{"destroyed", !environment.context().dry_run}, {"with_data", with_data}};
    });
}

} // namespace pkgjail::cli
