// snapshot, snapshots, drop, restore.
#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/cli/status_words.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/ops/restore.hpp"
#include "pkgjail/ops/snapshot.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;

namespace {

Json snapshot_json(const ops::SnapshotView& view) {
    return {{"jail", view.jail},
            {"snapshot", view.snapshot.name},
            {"id", view.snapshot.id},
            {"created_at", base::format_time(base::from_unix(view.snapshot.created_at))},
            {"generation", view.snapshot.generation},
            {"image", view.snapshot.image_id},
            {"method", view.snapshot.method},
            {"size_bytes", view.snapshot.size_bytes},
            {"command", view.snapshot.command}};
}

/// The command's arguments JAIL and NAME.
std::pair<std::string, std::string> jail_and_name(const Environment& environment) {
    const std::string jail = environment.text("jail");
    const std::string name = environment.text("name");
    if (jail.empty() || name.empty())
        throw Error(ErrorKind::usage, environment.verb(), "a jail and the name of a snapshot are needed",
                    "pkgjail " + environment.verb() + " JAIL NAME; pkgjail snapshots lists them");
    return {jail, name};
}

} // namespace

int cmd_snapshot(Environment& environment) {
    const std::string jail = environment.text("jail");
    if (jail.empty())
        throw Error(ErrorKind::usage, "snapshot", "no jail given", "pkgjail snapshot JAIL [NAME]");
    const ops::SnapshotView view = ops::snapshot(environment.context(), jail, environment.text("name"));
    const bool dry_run = environment.context().dry_run;
    if (environment.json()) {
        Json json = {{"dry_run", dry_run}};
        json.update(snapshot_json(view));
        json["left_out"] = left_out_json(view.left_out);
        environment.print_json(json);
    } else if (dry_run) {
        environment.say(fmt::format("jail {}: would make snapshot {}\n", view.jail, view.snapshot.name) +
                        left_out_text(view.jail, view.left_out));
    } else {
        environment.say(fmt::format("jail {}: snapshot {}, {} ({})\n", view.jail, view.snapshot.name,
                                    jail::format_size(view.snapshot.size_bytes), view.snapshot.method) +
                        left_out_text(view.jail, view.left_out));
    }
    return exit_done;
}

int cmd_snapshots(Environment& environment) {
    const auto views = ops::snapshots(environment.context(), environment.text("jail"));
    if (environment.json()) {
        Json list = Json::array();
        for (const ops::SnapshotView& view : views)
            list.push_back(snapshot_json(view));
        environment.print_json({{"snapshots", list}});
        return exit_done;
    }
    if (views.empty()) {
        environment.say("no snapshots; pkgjail snapshot JAIL makes one\n");
        return exit_done;
    }
    Table table({"JAIL", "SNAPSHOT", "MADE", "GEN", "SIZE", "METHOD"}, 1);
    for (const ops::SnapshotView& view : views)
        table.add({{view.jail},
                   {view.snapshot.name},
                   {base::format_time(base::from_unix(view.snapshot.created_at))},
                   {std::to_string(view.snapshot.generation)},
                   {jail::format_size(view.snapshot.size_bytes)},
                   {view.snapshot.method}});
    environment.say(table.render(output_screen()));
    return exit_done;
}

int cmd_drop(Environment& environment) {
    const auto [jail, name] = jail_and_name(environment);
    const ops::SnapshotView view = ops::drop(environment.context(), jail, name);
    const bool dry_run = environment.context().dry_run;
    if (environment.json())
        environment.print_json(
            {{"jail", view.jail}, {"snapshot", view.snapshot.name}, {"dropped", !dry_run}});
    else
        environment.say(fmt::format("jail {}: snapshot {} {}\n", view.jail, view.snapshot.name,
                                    dry_run ? "would be dropped" : "dropped"));
    return exit_done;
}

int cmd_restore(Environment& environment) {
    const auto [jail, name] = jail_and_name(environment);
    const ops::RestoreResult result = ops::restore(environment.context(), jail, name);
    const bool dry_run = environment.context().dry_run;
    if (environment.json()) {
        Json json = {{"jail", result.jail},       {"snapshot", result.snapshot},     {"dry_run", dry_run},
                     {"kept_as", result.kept_as}, {"generation", result.generation}, {"image", result.image},
                     {"started", result.started}};
        if (result.status)
            json["status"] = status_json(*result.status);
        environment.print_json(json);
        return exit_done;
    }
    if (dry_run) {
        environment.say(fmt::format("jail {}: would be restored from snapshot {}\n", result.jail, name));
        return exit_done;
    }
    std::string text = fmt::format("jail {}: restored from snapshot {}, generation {}\njail {}: what it had "
                                   "before is snapshot {}\n",
                                   result.jail, name, result.generation, result.jail, result.kept_as);
    if (result.status)
        text += fmt::format(
            "jail {}: {}\n", result.jail,
            colored(state_text(*result.status), state_color(result.status->state), output_screen()));
    environment.say(text);
    return exit_done;
}

} // namespace pkgjail::cli
