// config: what the operator changed in a jail's configuration, and conflicts with a new version.
#include <fmt/core.h>

#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/difference_words.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/cli/terminal.hpp"
#include "pkgjail/ops/configuration.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;
using base::printable;

namespace {

Json entry_json(const ops::ConfigEntry& entry, bool with_diff) {
    Json json = {{"path", entry.path.str()},
                 {"change", entry.change ? Json(change_name(*entry.change)) : Json(nullptr)},
                 {"what", entry.what},
                 {"conflicts", entry.conflicts}};
    if (with_diff) {
        json["diff"] = entry.diff;
        json["no_diff"] = entry.no_diff;
    }
    return json;
}

std::string counted(std::int64_t count, const char* word) {
    return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

std::string entry_text(const ops::ConfigEntry& entry, const Screen& screen) {
    std::string text = entry.conflicts.empty() ? "  " : colored("!", Color::yellow, screen) + " ";
    if (entry.change)
        text += difference_text({entry.path, *entry.change, entry.what});
    else
        text += "= " + printable(entry.path.str());
    text += "\n";
    for (const std::string& conflict : entry.conflicts)
        text += "    conflict: " + folded(printable(conflict), 14, screen) + "\n";
    if (!entry.no_diff.empty())
        text += fmt::format("    {}: not shown\n", entry.no_diff);
    return text + printable(entry.diff, true);
}

void show(Environment& environment) {
    const bool with_diff = environment.has("diff");
    const ops::ConfigView view =
        ops::configuration(environment.context(), environment.text("jail"), with_diff);
    if (environment.json()) {
        Json list = Json::array();
        for (const ops::ConfigEntry& entry : view.entries)
            list.push_back(entry_json(entry, with_diff));
        environment.print_json({{"jail", view.jail},
                                {"generation", view.generation},
                                {"open_conflicts", view.open_conflicts},
                                {"paths", list}});
        return;
    }
    if (view.entries.empty()) {
        environment.say(fmt::format("jail {}: generation {} has the configuration of image and recipe\n",
                                    view.jail, view.generation));
        return;
    }
    const Screen screen = output_screen();
    std::string text;
    for (const ops::ConfigEntry& entry : view.entries)
        text += entry_text(entry, screen);
    if (view.open_conflicts > 0)
        text += folded(fmt::format("{}; pkgjail config {} --diff shows both versions, --take PATH takes the "
                                   "new one, --keep PATH keeps yours",
                                   counted(view.open_conflicts, "conflict"), view.jail),
                       0, screen) +
                "\n";
    environment.say(text);
}

Json settled_json(const ops::ConfigResult& result, bool dry_run) {
    Json list = Json::array();
    for (const ops::ConfigResult::Settled& each : result.settled)
        list.push_back(
            {{"path", each.path}, {"decision", each.is_taken ? "taken" : "kept"}, {"changed", each.changed}});
    return {{"jail", result.jail}, {"generation", result.generation},         {"dry_run", dry_run},
            {"settled", list},     {"open_conflicts", result.open_conflicts}, {"running", result.running}};
}

void settle(Environment& environment) {
    const ops::ConfigResult result =
        ops::settle_configuration(environment.context(), {environment.text("jail"), environment.list("take"),
                                                          environment.list("keep")});
    const bool dry_run = environment.context().dry_run;
    if (environment.json()) {
        environment.print_json(settled_json(result, dry_run));
        return;
    }
    std::string text;
    bool is_taken = false;
    for (const ops::ConfigResult::Settled& each : result.settled) {
        const char* act = each.is_taken ? (dry_run ? "would take" : "took") : dry_run ? "would keep" : "kept";
        text += fmt::format("jail {}: {} {}\n", result.jail, each.changed ? act : "nothing to do for",
                            printable(each.path));
        is_taken = is_taken || (each.is_taken && each.changed);
    }
    if (result.open_conflicts > 0)
        text += fmt::format("jail {}: {} left\n", result.jail, counted(result.open_conflicts, "conflict"));
    if (is_taken && result.running && !dry_run)
        text += fmt::format("jail {0}: is running; pkgjail reload {0} or restart {0} makes it effective\n",
                            result.jail);
    environment.say(text);
}

} // namespace

int cmd_config(Environment& environment) {
    if (!environment.has("jail"))
        throw Error(ErrorKind::usage, "config", "no jail given", "pkgjail config JAIL");
    if (environment.list("take").empty() && environment.list("keep").empty())
        show(environment);
    else if (environment.has("diff"))
        throw Error(ErrorKind::usage, "--diff", "shows; --take and --keep change",
                    "look first, then decide in a second command");
    else
        settle(environment);
    return exit_done;
}

} // namespace pkgjail::cli
