// install, lock, remove, autoremove.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/cli/plan_words.hpp"
#include "pkgjail/cli/status_words.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/ops/install.hpp"
#include "pkgjail/ops/lock.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;
using base::printable;

namespace {

Json result_json(const ops::InstallResult& result, bool dry_run) {
    Json json = {{"jail", result.jail},
                 {"recipe", result.recipe},
                 {"dry_run", dry_run},
                 {"steps", plan_json(result.plan)},
                 {"download_bytes", result.download_bytes},
                 {"jail_created", result.jail_created},
                 {"image", result.image},
                 {"image_reused", result.image_reused},
                 {"generation", result.generation},
                 {"setid", result.setid},
                 {"build_warnings", result.warnings},
                 {"unneeded", result.unneeded},
                 {"started", result.started},
                 {"addresses", result.addresses}};
    if (result.status)
        json["status"] = status_json(*result.status);
    return json;
}

/// What a removal leaves behind.
std::string unneeded_text(const ops::InstallResult& result) {
    if (result.unneeded.empty())
        return "";
    return folded(fmt::format("nothing needs {} any more; pkgjail autoremove -j {} takes {} away",
                              fmt::join(result.unneeded, ", "), result.jail,
                              result.unneeded.size() == 1 ? "it" : "them"),
                  0, output_screen()) +
           "\n";
}

void tell(Environment& environment, const ops::InstallResult& result) {
    const bool dry_run = environment.context().dry_run;
    if (environment.json()) {
        environment.print_json(result_json(result, dry_run));
        return;
    }
    if (dry_run) {
        if (result.plan.changes_nothing())
            environment.say(fmt::format("jail {}: nothing to do\n", result.jail));
        else
            environment.say(fmt::format("jail {}: would\n{}at most {} to download\n", result.jail,
                                        plan_text(result.plan), jail::format_size(result.download_bytes)) +
                            unneeded_text(result));
        return;
    }
    std::string text;
    for (const std::string& line : result.setid)
        text += "set-id file " + printable(line) + "\n";
    for (const std::string& line : result.warnings)
        text += "note: " + printable(line) + "\n";
    if (result.plan.changes_nothing())
        text +=
            fmt::format("jail {}: nothing to do, generation {} has it all\n", result.jail, result.generation);
    else
        text += fmt::format("jail {}: {}, generation {}, image {}{}\n", result.jail,
                            jail::counted(result.plan.result.size(), "package"), result.generation,
                            short_id(result.image), result.image_reused ? " (was there already)" : "");
    if (result.status) {
        text += fmt::format(
            "jail {}: {}", result.jail,
            colored(state_text(*result.status), state_color(result.status->state), output_screen()));
        for (const std::string& address : result.addresses)
            text += " at " + address;
        text += "\n";
    } else if (result.recipe.empty() && result.jail_created) {
        text += fmt::format("no recipe, so no service; run its programs with: pkgjail exec {} COMMAND\n",
                            result.jail);
    } else if (result.jail_created) {
        text += fmt::format("not started; start it with: pkgjail start {}\n", result.jail);
    }
    environment.say(text + unneeded_text(result));
}

} // namespace

std::map<std::string, std::string> settings(const std::vector<std::string>& texts) {
    std::map<std::string, std::string> result;
    for (const std::string& text : texts) {
        const std::size_t at = text.find('=');
        if (at == std::string::npos || at == 0)
            throw Error(ErrorKind::usage, "--set", fmt::format("found \"{}\", allowed: KEY=VALUE", text));
        if (!result.emplace(text.substr(0, at), text.substr(at + 1)).second)
            throw Error(ErrorKind::usage, "--set", fmt::format("{} is given twice", text.substr(0, at)));
    }
    return result;
}

jail::NetworkChoice network_choice(const Environment& environment) {
    jail::NetworkChoice choice;
    choice.mode = environment.text("network");
    choice.nat = environment.text("nat");
    choice.resolv = environment.text("resolv");
    choice.publish = environment.list("publish");
    for (const char* option : {"network", "nat", "resolv"})
        if (environment.has(option) && environment.text(option).empty())
            throw Error(ErrorKind::usage, fmt::format("--{}", option), "found \"\", allowed: a value");
    try {
        return jail::checked(choice, "command line");
    } catch (const Error& error) {
        throw Error(ErrorKind::usage, error.object(), error.cause(), error.hint());
    }
}

int cmd_install(Environment& environment) {
    ops::InstallRequest request;
    request.packages = environment.list("package…");
    request.jail = environment.text("jail");
    request.recipe = environment.text("recipe");
    request.limits = environment.text("limits");
    request.limit_overrides = limit_changes(environment.list("limit"));
    request.set = settings(environment.list("set"));
    request.network = network_choice(environment);
    for (const std::string& text : environment.list("volume"))
        jail::add_volume_word("--volume", text, request.mounts);
    for (const std::string& text : environment.list("mount"))
        jail::add_mount_word("--mount", text, request.mounts);
    request.secrets = secret_files(environment.list("secret"));
    request.start = !environment.has("no-start");
    if (environment.has("locked") && environment.text("locked").empty())
        throw Error(ErrorKind::usage, "--locked", "found \"\", allowed: a file that pkgjail lock wrote");
    request.locked = environment.text("locked");
    tell(environment, ops::install(environment.context(), request));
    return exit_done;
}

int cmd_lock(Environment& environment) {
    if (environment.text("jail").empty())
        throw Error(ErrorKind::usage, "lock", "no jail given", "pkgjail lock JAIL [FILE]");
    const ops::LockFile lock = ops::lock(environment.context(), environment.text("jail"));
    const std::string text = ops::lock_text(lock);
    const std::string file = environment.text("file");
    if (!file.empty() && environment.context().dry_run)
        base::require_replaceable(file);
    else if (!file.empty())
        base::write_file_atomically(file, text, 0644);
    if (environment.json())
        environment.print_json(Json::parse(text));
    else if (file.empty())
        print(text); // what was asked for, also with --quiet
    else
        environment.say(fmt::format("{}: {} of jail {}{}\n", printable(file),
                                    jail::counted(lock.packages.size(), "package"), lock.jail,
                                    environment.context().dry_run ? ", not written in a dry run" : ""));
    return exit_done;
}

int cmd_autoremove(Environment& environment) {
    if (environment.text("jail").empty())
        throw Error(ErrorKind::usage, "autoremove", "no jail given", "pkgjail autoremove -j JAIL");
    tell(environment, ops::autoremove(environment.context(), environment.text("jail")));
    return exit_done;
}

int cmd_remove(Environment& environment) {
    ops::RemoveRequest request;
    request.packages = environment.list("package…");
    request.jail = environment.text("jail");
    if (request.jail.empty())
        throw Error(ErrorKind::usage, "remove", "no jail given", "pkgjail remove PKG… -j JAIL");
    tell(environment, ops::remove(environment.context(), request));
    return exit_done;
}

} // namespace pkgjail::cli
