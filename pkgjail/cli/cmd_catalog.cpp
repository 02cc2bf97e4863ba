// catalog check, backup, rebuild.
#include <fmt/core.h>

#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/ops/catalog_check.hpp"
#include "pkgjail/ops/catalog_rebuild.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;

namespace {

int check(Environment& environment) {
    const std::vector<std::string> findings = ops::check_catalog(environment.context());
    if (environment.json()) {
        environment.print_json({{"action", "check"}, {"findings", findings}});
    } else {
        std::string text;
        for (const std::string& line : findings)
            text += base::printable(line) + "\n";
        environment.say(text.empty() ? "the catalog is sound, and the disk is as it says\n" : text);
    }
    return findings.empty() ? exit_done : exit_finding;
}

int backup(Environment& environment) {
    const std::string file = environment.text("file");
    if (file.empty())
        throw Error(ErrorKind::usage, "catalog backup", "no file given", "pkgjail catalog backup FILE");
    ops::back_up_catalog(environment.context(), file, environment.has("force"));
    if (environment.json())
        environment.print_json(
            {{"action", "backup"}, {"file", file}, {"dry_run", environment.context().dry_run}});
    else
        environment.say(fmt::format("{} {}\n", base::printable(file),
                                    environment.context().dry_run ? "would be written" : "written"));
    return exit_done;
}

int rebuild(Environment& environment) {
    const ops::RebuildResult result = ops::rebuild_catalog(environment.context());
    const bool dry_run = environment.context().dry_run;
    for (const std::string& note : result.notes)
        environment.report().warn(note);
    if (environment.json()) {
        environment.print_json({{"action", "rebuild"},
                                {"dry_run", dry_run},
                                {"jails", result.jails},
                                {"generations", result.generations},
                                {"snapshots", result.snapshots},
                                {"volumes", result.volumes},
                                {"images", result.images},
                                {"accounts", result.accounts},
                                {"aside", result.aside}});
        return exit_done;
    }
    environment.say(fmt::format("{} from {} jails, {} generations, {} snapshots, {} volumes, {} images\n",
                                dry_run ? "would be rebuilt" : "rebuilt", result.jails, result.generations,
                                result.snapshots, result.volumes, result.images));
    if (!result.aside.empty())
        environment.say(fmt::format("the old catalog is {}\n", result.aside));
    return exit_done;
}

} // namespace

int cmd_catalog(Environment& environment) {
    const std::string action = environment.text("action");
    if (action != "backup" && (environment.has("force") || !environment.text("file").empty()))
        throw Error(ErrorKind::usage, "catalog " + action, "only backup takes a file and --force",
                    "pkgjail catalog check, pkgjail catalog backup FILE, or pkgjail catalog rebuild");
    if (action == "check")
        return check(environment);
    if (action == "backup")
        return backup(environment);
    if (action == "rebuild")
        return rebuild(environment);
    throw Error(ErrorKind::usage, "catalog",
                action.empty() ? "check, backup or rebuild is needed"
                               : fmt::format("found \"{}\", allowed: check, backup, rebuild", action),
                "pkgjail catalog check");
}

} // namespace pkgjail::cli
