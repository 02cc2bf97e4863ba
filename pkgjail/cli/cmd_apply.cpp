// apply: the jails as jails.d declares them, and a jail as such a declaration.
#include <array>

#include <fmt/core.h>

#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/jail/declaration.hpp"
#include "pkgjail/ops/apply.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;
using base::printable;

namespace {

/// "create" as it is said before and after.
struct StepWords {
    ops::ApplyStep step;
    const char* would;
    const char* done;
};

constexpr std::array<StepWords, 11> step_words = {{
    {ops::ApplyStep::create, "be made", "made"},
    {ops::ApplyStep::stop, "be stopped", "stopped"},
    {ops::ApplyStep::limits, "get other limits at once", "has other limits at once"},
    {ops::ApplyStep::network, "get another network", "has another network"},
    {ops::ApplyStep::mounts, "get other volumes and mounts", "has other volumes and mounts"},
    {ops::ApplyStep::settings, "get other settings", "has other settings"},
    {ops::ApplyStep::install, "get more packages", "has more packages"},
    {ops::ApplyStep::remove, "lose packages", "has fewer packages"},
    {ops::ApplyStep::secrets, "need secrets that nobody has set", "has its secrets"},
    {ops::ApplyStep::start, "be started", "started"},
    {ops::ApplyStep::destroy, "be destroyed, its data kept", "destroyed, its data kept"},
}};

std::string action_text(const ops::ApplyAction& action, bool done) {
    std::string words;
    for (const StepWords& entry : step_words)
        if (entry.step == action.step)
            words = done ? entry.done : std::string("would ") + entry.would;
    return fmt::format("{}{}{}{}", words, action.restart ? ", with a restart" : "",
                       done ? "; before: " : ": ", printable(action.why));
}

Json result_json(const ops::ApplyResult& result) {
    Json actions = Json::array();
    for (std::size_t i = 0; i < result.actions.size(); ++i)
        actions.push_back({{"action", ops::apply_step_name(result.actions[i].step)},
                           {"why", result.actions[i].why},
                           {"restart", result.actions[i].restart},
                           {"done", i < result.done}});
    return {{"file", result.file},
            {"orphan", result.orphan},
            {"labels", result.labels},
            {"drift", !result.actions.empty()},
            {"actions", actions}};
}

void say_result(Environment& environment, const ops::ApplyResult& result) {
    const bool dry_run = environment.context().dry_run;
    std::string text;
    for (std::size_t i = 0; i < result.actions.size(); ++i)
        if (dry_run || i < result.done)
            text += folded(fmt::format("jail {}: {}", result.jail, action_text(result.actions[i], !dry_run)),
                           0, output_screen()) +
                    "\n";
    if (result.actions.empty() && !result.error)
        text = fmt::format("jail {}: {}\n", result.jail,
                           result.orphan ? "no file declares it" : "nothing to do");
    environment.say(text);
}

int print_declaration(Environment& environment) {
    const auto names = environment.list("jail…");
    for (const char* other : {"orphans", "remove-orphans"})
        if (environment.has(other))
            throw Error(ErrorKind::usage, std::string("--") + other, "does not go with --export");
    if (names.size() != 1)
        throw Error(ErrorKind::usage, "--export", "one jail is needed, since a declaration is of one",
                    "pkgjail apply --export JAIL > JAIL.jail");
    const auto declaration = ops::declaration_of(environment.context(), names.front());
    const std::string text = jail::declaration_text(declaration);
    if (environment.json())
        environment.print_json({{"jail", names.front()}, {"declaration", text}});
    else
        print(text); // what was asked for, also with --quiet
    return exit_done;
}

} // namespace

int cmd_apply(Environment& environment) {
    if (environment.has("export"))
        return print_declaration(environment);
    ops::ApplyRequest request;
    request.jails = environment.list("jail…");
    request.orphans = environment.has("orphans");
    request.remove_orphans = environment.has("remove-orphans");
    if (request.remove_orphans && !request.orphans)
        throw Error(ErrorKind::usage, "--remove-orphans", "goes with --orphans only",
                    "pkgjail apply -n --orphans shows what would go");
    if (request.orphans && !request.jails.empty())
        throw Error(ErrorKind::usage, "--orphans", "takes no jails, it looks at all of them");
    const ops::Context& context = environment.context();
    JailResults results(environment);
    bool drift = false;
    bool any = false;
    ops::apply(context, request, [&](const ops::ApplyResult& result) {
        any = true;
        drift = drift || !result.actions.empty();
        say_result(environment, result);
        if (result.error)
            results.failed(result.jail, *result.error, result_json(result));
        else
            results.done(result.jail, result_json(result));
    });
    if (!any)
        environment.say(fmt::format("nothing is declared in {}\n",
                                    printable(jail::declaration_directory(context.config.etc).string())));
    const int status = results.finish({{"dry_run", context.dry_run}, {"drift", drift}});
    return status == exit_done && context.dry_run && drift ? exit_finding : status;
}

} // namespace pkgjail::cli
