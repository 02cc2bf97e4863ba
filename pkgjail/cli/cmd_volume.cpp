// volume: directories that outlive jails, and what jails have mounted.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/ops/mounts.hpp"
#include "pkgjail/ops/volumes.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;
using base::printable;

namespace {

constexpr const char* usage_hint = "pkgjail help volume";

std::string where(const catalog::VolumeUser& user) {
    return fmt::format("{}:{}{}", user.jail, printable(user.path), user.writable ? "" : ":ro");
}

int list(Environment& environment, const std::vector<std::string>& names) {
    const auto volumes = ops::volumes(environment.context(), names);
    if (environment.json()) {
        Json list = Json::array();
        for (const ops::VolumeView& view : volumes) {
            Json users = Json::array();
            for (const catalog::VolumeUser& user : view.users)
                users.push_back({{"jail", user.jail}, {"path", user.path}, {"writable", user.writable}});
            list.push_back({{"volume", view.volume.name},
                            {"id", view.volume.id},
                            {"created_at", base::format_time(base::from_unix(view.volume.created_at))},
                            {"path", view.path.string()},
                            {"disk_bytes", view.disk_bytes},
                            {"jails", users}});
        }
        environment.print_json({{"action", "list"}, {"volumes", list}});
        return exit_done;
    }
    if (volumes.empty()) {
        environment.say("no volumes; pkgjail volume create VOLUME makes one\n");
        return exit_done;
    }
    Table table({"VOLUME", "DISK", "JAILS", "FILES"}, 3);
    for (const ops::VolumeView& view : volumes) {
        std::string jails;
        for (const catalog::VolumeUser& user : view.users)
            jails += (jails.empty() ? "" : " ") + where(user);
        table.add({{view.volume.name},
                   {jail::format_size(view.disk_bytes)},
                   {jails.empty() ? "-" : jails},
                   {printable(view.path.string())}});
    }
    environment.say(table.render(output_screen()));
    return exit_done;
}

int made_or_gone(Environment& environment, const std::string& action, const std::string& name) {
    const bool dry_run = environment.context().dry_run;
    if (action == "create")
        ops::create_volume(environment.context(), name);
    else
        ops::destroy_volume(environment.context(), name);
    const std::string word = action == "create" ? "made" : "removed";
    if (environment.json())
        environment.print_json({{"action", action}, {"volume", name}, {"dry_run", dry_run}});
    else
        environment.say(fmt::format("volume {}: {}{}\n", name, dry_run ? "would be " : "", word));
    return exit_done;
}

Json words_json(const jail::MountWords& words) {
    Json list = Json::array();
    for (const jail::VolumeUse& volume : words.volumes)
        list.push_back(volume.str());
    for (const jail::HostMount& mount : words.mounts)
        list.push_back(mount.str());
    return list;
}

int tell(Environment& environment, const std::string& action, const ops::MountsResult& result) {
    const bool dry_run = environment.context().dry_run;
    if (environment.json()) {
        environment.print_json({{"action", action},
                                {"jail", result.jail},
                                {"changed", result.changed && !dry_run},
                                {"dry_run", dry_run},
                                {"restart_needed", result.changed && result.running},
                                {"mounts", words_json(result.after)}});
        return exit_done;
    }
    if (!result.changed) {
        environment.say(fmt::format("jail {}: nothing to do\n", result.jail));
        return exit_done;
    }
    std::string text;
    for (const Json& one : words_json(result.after))
        text += fmt::format("jail {}: {} {}\n", result.jail, dry_run ? "would have" : "has",
                            printable(one.get<std::string>()));
    if (text.empty())
        text = fmt::format("jail {}: {} nothing mounted\n", result.jail, dry_run ? "would have" : "has");
    if (result.running && !dry_run)
        text += fmt::format("in force from the next start: pkgjail restart {}\n", result.jail);
    environment.say(text);
    return exit_done;
}

} // namespace

int cmd_volume(Environment& environment) {
    const std::string action = environment.text("action");
    const std::vector<std::string> arguments = environment.list("argument…");
    const auto need = [&](std::size_t count, const char* what) {
        if (arguments.size() != count)
            throw Error(ErrorKind::usage, "volume " + action, fmt::format("needs {}", what), usage_hint);
    };
    if (action == "list")
        return list(environment, arguments);
    if (action == "create" || action == "destroy") {
        need(1, "the name of one volume");
        return made_or_gone(environment, action, arguments[0]);
    }
    if (action == "attach") {
        need(2, "a jail and VOLUME:PATH or HOSTPATH:PATH");
        jail::MountWords words;
        if (arguments[1].starts_with('/'))
            jail::add_mount_word("volume attach", arguments[1], words);
        else
            jail::add_volume_word("volume attach", arguments[1], words);
        return tell(environment, action, ops::attach(environment.context(), arguments[0], words));
    }
    if (action == "detach") {
        need(2, "a jail and a path inside it");
        return tell(environment, action, ops::detach(environment.context(), arguments[0], arguments[1]));
    }
    throw Error(ErrorKind::usage, "volume",
                action.empty()
                    ? "list, create, destroy, attach or detach is needed"
                    : fmt::format("found \"{}\", allowed: list, create, destroy, attach, detach", action),
                usage_hint);
}

} // namespace pkgjail::cli
