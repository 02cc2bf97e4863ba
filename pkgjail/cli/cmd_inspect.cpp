// list, status: looking.
#include <algorithm>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/cli/plan_words.hpp"
#include "pkgjail/cli/status_document.hpp"
#include "pkgjail/cli/status_words.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/ops/inspect.hpp"

namespace pkgjail::cli {

using base::printable;

namespace {

std::string ports_text(const ops::JailView& view) {
    std::string text;
    for (const catalog::PortClaimRow& claim : view.jail.claims)
        text += fmt::format("{}{}:{}{}", text.empty() ? "" : " ", claim.protocol,
                            claim.address.empty() ? "" : claim.address + ":", claim.port);
    return text;
}

bool claims_udp(const ops::JailView& view) {
    return std::any_of(view.jail.claims.begin(), view.jail.claims.end(),
                       [](const auto& claim) { return claim.protocol == "udp"; });
}

std::string learning_text(const ops::JailView& view) {
    if (!learns(view.status))
        return {};
    return fmt::format("no system call is denied that profile {} denies: pkgjail learned {}",
                       jail::profile_name(*view.status.learning), view.jail.name);
}

std::string status_block(const ops::JailView& view) {
    const Screen screen = output_screen();
    const std::string state = folded(state_text(view.status), view.jail.name.size() + 2, screen);
    std::string text = colored(view.jail.name, Color::bold, screen) + "  " +
                       colored(state, state_color(view.status.state), screen) + "\n";
    constexpr std::size_t indent = 14; // of the values
    const auto line = [&](const char* name, const std::string& value) {
        if (!value.empty())
            text += fmt::format("  {:<11} {}\n", name, folded(value, indent, screen));
    };
    for (const std::string& address : view.addresses)
        line("answers at", printable(address));
    line("generation",
         fmt::format("{}, made by: pkgjail {}", view.generation.number, printable(view.generation.command)));
    line("image",
         short_id(view.generation.image_id) +
             (view.image ? fmt::format(", {}, {}", jail::counted(view.image->packages.size(), "package"),
                                       jail::format_size(view.image->size_bytes))
                         : ""));
    if (view.image)
        for (const catalog::ImagePackage& package : view.image->packages)
            if (!package.automatic)
                line("package", package.pkgname);
    if (const auto open = std::count_if(view.generation.conflicts.begin(), view.generation.conflicts.end(),
                                        [](const auto& conflict) { return conflict.is_open(); });
        open > 0)
        line("conflicts", fmt::format("{} in its configuration: pkgjail config {}", open, view.jail.name));
    if (view.vulnerable.value_or(0) > 0)
        line("vulnerable",
             fmt::format("{}: pkgjail audit {}", jail::counted(*view.vulnerable, "package"), view.jail.name));
    for (const catalog::Hold& hold : view.jail.holds)
        line("hold", hold_text(hold));
    line("recipe", view.jail.recipe);
    for (const std::string& required : view.requires_)
        line("requires", required);
    line("address", view.jail.address + (view.nat ? ", with NAT" : ""));
    for (const catalog::VolumeUseRow& use : view.jail.volumes) {
        const auto shared = view.volumes_shared.find(use.volume_id);
        line("volume",
             fmt::format("{} at {}{}{}", use.volume, printable(use.path), use.writable ? "" : ", read-only",
                         shared == view.volumes_shared.end() || shared->second.empty()
                             ? ""
                             : fmt::format(", shared with {}", fmt::join(shared->second, " "))));
    }
    for (const catalog::HostMountRow& mount : view.jail.mounts)
        line("mount", fmt::format("{} at {}{}", printable(mount.source), printable(mount.path),
                                  mount.writable ? ", writable" : ""));
    line("ports", ports_text(view));
    for (const jail::PublishedPort& port : view.publish)
        line("published", port.str());
    if (!view.resolv_file.empty())
        line("resolv", fmt::format("{}: {}", view.resolv, view.resolv_file));
    if (view.ports) {
        const auto held = [](const char* protocol, jail::Enforcement enforcement,
                             const std::string& mechanism) {
            return fmt::format("{} {}: {}", protocol, jail::enforcement_name(enforcement),
                               printable(mechanism));
        };
        line("ports held", held("tcp", view.ports->tcp, view.ports->tcp_mechanism));
        if (claims_udp(view))
            line("", held("udp", view.ports->udp, view.ports->udp_mechanism));
    }
    if (view.status.service)
        line("process",
             fmt::format("{}, supervised by {}", view.status.service->pid,
                         view.status.supervisor ? std::to_string(view.status.supervisor->pid) : "nobody"));
    for (const supervise::ServicePart& part : view.status.further)
        line("and service", fmt::format("{}, {}{}{}", part.name,
                                        part.process ? fmt::format("process {}, ", part.process->pid) : "",
                                        supervise::state_name(part.state),
                                        part.state == supervise::ServiceState::ready || part.reason.empty()
                                            ? ""
                                            : ": " + printable(part.reason)));
    line("confined by", view.status.driver.empty()
                            ? ""
                            : fmt::format("{}, profile {}, network {}", view.status.driver, view.jail.profile,
                                          view.jail.network));
    line("learning", learning_text(view));
    line("restarts", view.status.restarts == 0 ? "" : std::to_string(view.status.restarts));
    line("last exit", printable(view.status.last_exit));
    line("last probe", printable(view.status.last_probe));
    if (view.usage.memory_bytes)
        line("uses", fmt::format("{} memory, {} process{}", jail::format_size(*view.usage.memory_bytes),
                                 view.usage.processes.value_or(0),
                                 view.usage.processes.value_or(0) == 1 ? "" : "es"));
    const char* name = "limits";
    const std::size_t room = screen.columns > indent ? screen.columns - indent : 0;
    for (const std::string& limit : limit_lines(view.status.limits, room)) {
        text += fmt::format("  {:<11} {}\n", name, limit);
        name = "";
    }
    if (view.status.log_records_dropped > 0)
        line("log", jail::counted(view.status.log_records_dropped, "record") + " dropped");
    return text;
}

} // namespace

int cmd_list(Environment& environment) {
    const auto views = ops::jails(environment.context(), {});
    if (environment.json()) {
        Json list = Json::array();
        for (const ops::JailView& view : views)
            list.push_back({{"jail", view.jail.name},
                            {"state", supervise::state_name(view.status.state)},
                            {"learning", learning_json(view.status)},
                            {"package", ops::service_package(view)},
                            {"generation", view.generation.number},
                            {"address", view.jail.address},
                            {"ports", ports_text(view)},
                            {"vulnerable_packages", view.vulnerable ? Json(*view.vulnerable) : Json(nullptr)},
                            {"volumes", volumes_json(view)},
                            {"mounts", mounts_json(view.jail.mounts)},
                            {"holds", holds_json(view.jail.holds)}});
        environment.print_json({{"jails", list}});
        return exit_done;
    }
    if (views.empty()) {
        environment.say("no jails; pkgjail install PACKAGE makes the first one\n");
        return exit_done;
    }
    Table table({"JAIL", "STATE", "PACKAGE", "GEN", "PORTS"}, 2);
    for (const ops::JailView& view : views)
        table.add({{view.jail.name},
                   {std::string(supervise::state_name(view.status.state)) +
                        (learns(view.status) ? ", learning" : ""),
                    learns(view.status) ? Color::yellow : state_color(view.status.state)},
                   {ops::service_package(view)},
                   {std::to_string(view.generation.number)},
                   {view.jail.address + (view.jail.address.empty() ? "" : " ") + ports_text(view)}});
    environment.say(table.render(output_screen()));
    return exit_done;
}

int cmd_status(Environment& environment) {
    const auto views = ops::jails(environment.context(), environment.list("jail…"));
    if (environment.json()) {
        environment.report().clear();
        print(status_document(views, environment.report().warnings()));
        return exit_done;
    }
    if (views.empty()) {
        environment.say("no jails; pkgjail install PACKAGE makes the first one\n");
        return exit_done;
    }
    std::string text;
    for (const ops::JailView& view : views)
        text += (text.empty() ? "" : "\n") + status_block(view);
    environment.say(text);
    return exit_done;
}

} // namespace pkgjail::cli
