// start, stop, restart, reload, destroy: over several jails.
#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/cli/status_words.hpp"
#include "pkgjail/ops/declared.hpp"
#include "pkgjail/ops/lifecycle.hpp"
#include "pkgjail/ops/prepare.hpp"

namespace pkgjail::cli {

namespace {

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
        "jail {}: {}{}{}\n", result.jail, dry_run ? "would be " : "", result.changed ? done : already,
        result.because.empty() ? "" : fmt::format(", because {} {} it", result.because, relation)));
}

int each(Environment& environment, ops::LifecycleResult (*operation)(const ops::Context&, const std::string&),
         const char* done, const char* already) {
    return for_each_jail(environment, named_jails(environment), [&](const std::string& jail) {
        const ops::LifecycleResult result = operation(environment.context(), jail);
        if (environment.context().dry_run)
            environment.say(fmt::format("jail {}: would be {}\n", jail, result.changed ? done : already));
        else
            environment.say(fmt::format("jail {}: {}\n", jail, result.changed ? done : already));
        Json json = {{"changed", result.changed}};
        json.update(status_json(result.status));
        return json;
    });
}

} // namespace

int cmd_start(Environment& environment) {
    std::vector<std::string> names;
    if (environment.has("wanted")) {
        if (environment.has("all") || !environment.list("jail…").empty())
            throw base::Error(base::ErrorKind::usage, "--wanted", "takes neither jails nor --all");
        names = ops::jails_to_start(environment.context());
    } else {
        names = named_jails(environment);
    }
    if (environment.has("prepare")) {
        if (environment.list("jail…").empty())
            throw base::Error(base::ErrorKind::usage, "--prepare", "takes jails by their names");
        for (const std::string& name : names)
            ops::prepare_anew(environment.context(), name);
    }
    JailResults results(environment);
    ops::start(environment.context(), names, [&](const ops::LifecycleResult& result) {
        tell(environment, results, result, "started", "running already", "requires");
    });
    return results.finish();
}
int cmd_stop(Environment& environment) {
    JailResults results(environment);
    ops::stop(
        environment.context(), named_jails(environment), environment.has("dependents"),
        [&](const ops::LifecycleResult& result) {
            tell(environment, results, result, "stopped", "not running", "is required by");
        },
        environment.has("keep-wanted"));
    return results.finish();
}
int cmd_restart(Environment& environment) {
    return each(environment, ops::restart, "restarted", "restarted");
}
int cmd_reload(Environment& environment) {
    return each(environment, ops::reload, "reloaded", "reloaded");
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
