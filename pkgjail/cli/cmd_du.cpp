// du.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/ops/du.hpp"

namespace pkgjail::cli {

namespace {

Json size_json(const ops::Size& size) {
    return {{"apparent_bytes", size.apparent},
            {"disk_bytes", size.disk},
            {"exclusive_bytes", size.exclusive},
            {"maybe_shared_bytes", size.maybe_shared}};
}

Json jail_json(const ops::JailUsage& jail) {
    Json images = Json::array();
    for (const ops::ImageShare& share : jail.shares)
        images.push_back({{"image", share.image_id},
                          {"size", size_json(share.size)},
                          {"jails", share.jails},
                          {"linked_jails", share.linked_jails}});
    return {{"jail", jail.jail},
            {"images", size_json(jail.images)},
            {"config", size_json(jail.config)},
            {"data", size_json(jail.data)},
            {"snapshots", size_json(jail.snapshots)},
            {"total", size_json(jail.total)},
            {"shares", images},
            {"shared_with", jail.shared_with}};
}

std::string exclusive_text(const ops::Size& size) {
    return (size.maybe_shared > 0 ? "up to " : "") + jail::format_size(size.exclusive);
}

std::vector<Table::Cell> row(const std::string& jail, const char* what, const ops::Size& size,
                             const std::string& with = "") {
    return {{jail},
            {what},
            {jail::format_size(size.apparent)},
            {jail::format_size(size.disk)},
            {exclusive_text(size)},
            {with}};
}

} // namespace

int cmd_du(Environment& environment) {
    const ops::DuResult result = ops::du(environment.context(), environment.list("jail…"));
    if (environment.json()) {
        Json jails = Json::array();
        for (const ops::JailUsage& jail : result.jails)
            jails.push_back(jail_json(jail));
        Json volumes = Json::array();
        for (const ops::VolumeUsage& volume : result.volumes)
            volumes.push_back(
                {{"volume", volume.volume}, {"size", size_json(volume.size)}, {"jails", volume.jails}});
        environment.print_json({{"jails", jails},
                                {"volumes", volumes},
                                {"images", size_json(result.images)},
                                {"cache", size_json(result.cache)},
                                {"rest", size_json(result.rest)},
                                {"total", size_json(result.total)}});
        return exit_done;
    }
    Table table({"JAIL", "WHAT", "FILES", "DISK", "OWN", "SHARED WITH"}, 5);
    for (const ops::JailUsage& jail : result.jails) {
        table.add(row(jail.jail, "images", jail.images, fmt::format("{}", fmt::join(jail.shared_with, " "))));
        table.add(row("", "config", jail.config));
        table.add(row("", "data", jail.data));
        if (jail.snapshots.disk > 0)
            table.add(row("", "snapshots", jail.snapshots));
        table.add(row("", "all", jail.total));
    }
    for (const ops::VolumeUsage& volume : result.volumes)
        table.add(row("-", ("volume " + volume.volume).c_str(), volume.size,
                      fmt::format("{}", fmt::join(volume.jails, " "))));
    table.add(row("-", "images", result.images));
    table.add(row("", "cache", result.cache));
    table.add(row("", "rest", result.rest));
    table.add(row("", "all", result.total));
    environment.say(table.render(output_screen()));
    return exit_done;
}

} // namespace pkgjail::cli
