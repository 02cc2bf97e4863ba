// history: a jail's generations, and the audit trail.
#include <limits>

#include <fmt/core.h>

#include "pkgjail/base/accounts.hpp"
#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/cli/terminal.hpp"
#include "pkgjail/ops/acts.hpp"
#include "pkgjail/ops/upgrade.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;
using base::printable;

namespace {

std::size_t lines_option(Environment& environment) {
    const std::string text = environment.has("lines") ? environment.text("lines") : "50";
    if (text.empty() || text.size() > 9 || text.find_first_not_of("0123456789") != std::string::npos)
        throw Error(ErrorKind::usage, "--lines", fmt::format("found \"{}\", allowed: a number", text));
    const std::size_t count = std::stoul(text);
    return count == 0 ? std::numeric_limits<std::size_t>::max() : count;
}

/// An empty outcome is all that a command could leave that was killed.
std::string outcome_text(const ops::Act& act) {
    return act.outcome.empty() ? "under way, or killed" : act.outcome;
}

int show_acts(Environment& environment, const std::string& jail) {
    const auto acts = ops::acts(environment.context(), jail, lines_option(environment));
    if (environment.json()) {
        Json list = Json::array();
        for (const ops::Act& act : acts)
            list.push_back({{"at", base::format_time(base::from_unix(act.at))},
                            {"uid", act.uid},
                            {"user", act.user},
                            {"verb", act.verb},
                            {"jail", act.target},
                            {"command", act.command_line},
                            {"outcome", act.outcome},
                            {"exit_status", act.exit_status}});
        environment.print_json({{"acts", list}});
        return exit_done;
    }
    if (acts.empty()) {
        environment.say("nothing was done yet\n");
        return exit_done;
    }
    std::string text;
    const Screen screen = output_screen();
    for (const ops::Act& act : acts) {
        text += fmt::format("{}  {:<8} {}\n", base::format_time(base::from_unix(act.at)), printable(act.user),
                            printable(act.command_line));
        if (act.outcome != "done")
            text += "      " +
                    colored(folded(printable(outcome_text(act)), 6, screen),
                            act.outcome.empty() ? Color::yellow : Color::red, screen) +
                    "\n";
    }
    environment.say(text);
    return exit_done;
}

int show_generations(Environment& environment, const std::string& jail) {
    const auto entries = ops::history(environment.context(), jail);
    if (environment.json()) {
        Json list = Json::array();
        for (const ops::HistoryEntry& entry : entries)
            list.push_back({{"generation", entry.generation.number},
                            {"current", entry.current},
                            {"created_at", base::format_time(base::from_unix(entry.generation.created_at))},
                            {"command", entry.generation.command},
                            {"outcome", entry.generation.outcome},
                            {"image", entry.generation.image_id},
                            {"changes", entry.changes}});
        environment.print_json({{"jail", jail}, {"generations", list}});
        return exit_done;
    }
    std::string text;
    for (const ops::HistoryEntry& entry : entries) {
        text += colored(fmt::format("{}{:>3}  {}  {}", entry.current ? "*" : " ", entry.generation.number,
                                    base::format_time(base::from_unix(entry.generation.created_at)),
                                    printable(entry.generation.command)),
                        entry.current ? Color::bold : Color::none, output_screen()) +
                "\n";
        if (entry.generation.outcome != "done")
            text += "      " + printable(entry.generation.outcome) + "\n";
        for (const std::string& change : entry.changes)
            text += "      " + printable(change) + "\n";
    }
    environment.say(text);
    return exit_done;
}

} // namespace

int cmd_history(Environment& environment) {
    const std::string jail = environment.text("jail");
    if (environment.has("jail") && !environment.has("acts")) {
        if (environment.has("lines"))
            throw Error(ErrorKind::usage, "--lines", "is for acts; a jail's generations are all shown",
                        "pkgjail history --acts JAIL");
        return show_generations(environment, jail);
    }
    return show_acts(environment, jail);
}

} // namespace pkgjail::cli
