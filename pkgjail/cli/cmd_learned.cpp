// learned: what a jail did that a profile would have denied.
#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/cli/plan_words.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/ops/learned.hpp"

namespace pkgjail::cli {

namespace {

/// The key of a recipe that would allow it; nullopt where nothing does.
std::optional<std::string> allowing_line(const supervise::LearnedCall& call) {
    if (call.allowed_by.empty())
        return std::nullopt;
    return fmt::format("profile = {}", jail::profile_name(call.allowed_by.front()));
}

Json learned_json(const ops::LearnedResult& result) {
    Json calls = Json::array();
    for (const supervise::LearnedCall& call : result.learned.calls) {
        Json allowed = Json::array();
        for (const jail::Profile profile : call.allowed_by)
            allowed.push_back(jail::profile_name(profile));
        const auto line = allowing_line(call);
        calls.push_back({{"call", call.call},
                         {"program", call.program},
                         {"count", call.count},
                         {"first", base::format_time(call.first)},
                         {"last", base::format_time(call.last)},
                         {"denied_by", jail::profile_name(result.learned.profile)},
                         {"answer", call.answer},
                         {"allowed_by", std::move(allowed)},
                         {"recipe_line", line ? Json(*line) : Json(nullptr)}});
    }
    return {{"jail", result.jail},
            {"profile", jail::profile_name(result.own)},
            {"learning", result.learning},
            {"learned_from", jail::profile_name(result.learned.profile)},
            {"since", base::format_time(result.learned.since)},
            {"calls", std::move(calls)},
            {"unlisted", result.learned.unlisted},
            {"trouble", result.learned.trouble}};
}

} // namespace

int cmd_learned(Environment& environment) {
    const std::string jail = environment.text("jail");
    if (jail.empty())
        throw base::Error(base::ErrorKind::usage, "learned", "no jail given", "pkgjail learned JAIL");
    const ops::LearnedResult result = ops::learned(environment.context(), jail);
    const supervise::Learned& learned = result.learned;
    if (environment.json()) {
        environment.print_json(learned_json(result));
        return exit_done;
    }
    const auto profile = jail::profile_name(learned.profile);
    environment.say(fmt::format("jail {}: {} from profile {} since {}\n", jail,
                                result.learning ? "learns" : "learned", profile,
                                base::format_time(learned.since)));
    if (learned.calls.empty())
        environment.say(fmt::format("profile {} would have denied no system call\n", profile));
    else {
        Table table({"SYSTEM CALL", "TIMES", "PROGRAM", "ALLOWED BY", "LAST"}, 0);
        for (const supervise::LearnedCall& call : learned.calls)
            table.add({{base::printable(call.call)},
                       {std::to_string(call.count)},
                       {call.program.empty() ? "-" : base::printable(call.program)},
                       {allowing_line(call).value_or("no profile")},
                       {base::format_time(call.last)}});
        environment.say(table.render(output_screen()));
    }
    if (learned.unlisted > 0)
        environment.say(
            fmt::format("and {} of more kinds than are listed\n", jail::counted(learned.unlisted, "call")));
    if (!learned.trouble.empty())
        environment.say("not everything was heard: " + base::printable(learned.trouble) + "\n");
    return exit_done;
}

} // namespace pkgjail::cli
