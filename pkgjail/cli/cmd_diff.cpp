// diff: generations, snapshots and the jail as it is, compared.
#include <fmt/core.h>

#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/difference_words.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/cli/terminal.hpp"
#include "pkgjail/ops/diff.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;

namespace {

Json side_json(const ops::DiffSide& side) {
    const char* kind = side.kind == ops::DiffSide::Kind::generation ? "generation"
                       : side.kind == ops::DiffSide::Kind::snapshot ? "snapshot"
                                                                    : "present";
    Json json = {{"kind", kind}, {"generation", side.generation}, {"image", side.image}};
    if (side.kind == ops::DiffSide::Kind::snapshot)
        json["snapshot"] = side.snapshot;
    return json;
}

Json list_json(const std::vector<store::Difference>& differences) {
    Json list = Json::array();
    for (const store::Difference& difference : differences)
        list.push_back(difference_json(difference));
    return list;
}

std::string section(const std::string& title, const std::vector<store::Difference>& differences) {
    std::string text = differences.empty() ? "" : title + "\n";
    for (const store::Difference& difference : differences)
        text += "  " + difference_text(difference) + "\n";
    return text;
}

std::string diff_text(const ops::JailDiff& diff) {
    const std::string sides = fmt::format("jail {}: {} and {}", diff.jail, diff.from.str(), diff.to.str());
    if (diff.is_equal())
        return sides + " do not differ\n";
    std::string text = sides + "\n";
    if (!diff.packages.empty())
        text += "packages\n";
    for (const std::string& change : diff.packages)
        text += "  " + base::printable(change) + "\n";
    text += section("image", diff.image);
    text += colored(section("damage: the image on disk is not what was built", diff.damage), Color::red,
                    output_screen());
    text += section("configuration", diff.configuration);
    if (diff.data)
        text += section("data", *diff.data);
    return text;
}

} // namespace

int cmd_diff(Environment& environment) {
    if (!environment.has("jail"))
        throw Error(ErrorKind::usage, "diff", "no jail given", "pkgjail diff JAIL [A [B]]");
    const ops::JailDiff diff = ops::diff(environment.context(), environment.text("jail"),
                                         environment.text("a"), environment.text("b"));
    if (environment.json())
        environment.print_json({{"jail", diff.jail},
                                {"from", side_json(diff.from)},
                                {"to", side_json(diff.to)},
                                {"equal", diff.is_equal()},
                                {"packages", diff.packages},
                                {"files", list_json(diff.image)},
                                {"damage", list_json(diff.damage)},
                                {"configuration", list_json(diff.configuration)},
                                {"data", diff.data ? list_json(*diff.data) : Json(nullptr)}});
    else
        environment.say(diff_text(diff));
    return environment.has("check") && !diff.is_equal() ? exit_finding : exit_done;
}

} // namespace pkgjail::cli
