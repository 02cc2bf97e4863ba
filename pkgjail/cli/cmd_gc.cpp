// gc.
#include <fmt/core.h>

#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/ops/gc.hpp"

namespace pkgjail::cli {

namespace {

/// Digests are known by their beginning.
std::string short_name(const ops::Garbage& garbage) {
    constexpr std::size_t widest = 40;
    std::string name = base::printable(garbage.name);
    if (garbage.kind == ops::Garbage::Kind::image)
        name = name.substr(0, 12);
    return name.size() > widest ? name.substr(0, widest - 3) + "..." : name;
}

/// "image 695eb695…", "generation 1 of jail web".
std::string full_name(const ops::Garbage& garbage) {
    const std::string kind(ops::garbage_kind_name(garbage.kind));
    return garbage.name.starts_with(kind + " ") ? garbage.name : kind + " " + garbage.name;
}

} // namespace

int cmd_gc(Environment& environment) {
    const ops::GcResult result = ops::gc(environment.context());
    const bool dry_run = environment.context().dry_run;
    bool all = true;
    Json list = Json::array();
    Table table({"WHAT", "NAME", "SIZE", "FREED"}, 1);
    for (const ops::Garbage& garbage : result.garbage) {
        all = all && (dry_run || garbage.removed);
        list.push_back({{"kind", ops::garbage_kind_name(garbage.kind)},
                        {"name", garbage.name},
                        {"apparent_bytes", garbage.apparent_bytes},
                        {"freed_bytes", garbage.freed_bytes},
                        {"removed", garbage.removed},
                        {"kept_because", garbage.kept_because}});
        if (garbage.kept_because.empty())
            table.add({{std::string(ops::garbage_kind_name(garbage.kind))},
                       {short_name(garbage)},
                       {jail::format_size(garbage.apparent_bytes)},
                       {jail::format_size(garbage.freed_bytes)}});
        else
            environment.report().warn(fmt::format("{} stays: {}", full_name(garbage), garbage.kept_because));
    }
    if (environment.json())
        environment.print_json({{"dry_run", dry_run},
                                {"garbage", list},
                                {"apparent_bytes", result.apparent_bytes},
                                {"freed_bytes", result.freed_bytes}});
    else if (result.garbage.empty())
        environment.say("nothing to remove\n");
    else
        environment.say(table.render(output_screen()) + fmt::format("{} {}\n",
                                                                    jail::format_size(result.freed_bytes),
                                                                    dry_run ? "would be freed" : "freed"));
    return all ? exit_done : exit_partial;
}

} // namespace pkgjail::cli
