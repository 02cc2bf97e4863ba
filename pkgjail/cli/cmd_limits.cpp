// limits: showing and changing them.
#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/ops/limits.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;
using jail::LimitKind;

namespace {

std::string hits_text(const ops::LimitView& limit) {
    if (!limit.hits)
        return "-";
    if (limit.kind == LimitKind::cpu)
        return fmt::format("{:.1f}s", static_cast<double>(*limit.hits) / 1e6);
    return std::to_string(*limit.hits);
}

std::string mechanism_text(const ops::LimitView& limit) {
    if (!limit.reading)
        return "";
    return fmt::format("{}, {}", jail::enforcement_name(limit.reading->enforcement),
                       base::printable(limit.reading->mechanism));
}

std::string value_text(const ops::LimitView& limit) {
    if (!limit.wanted)
        return "none";
    std::string wanted = jail::format_limit(limit.kind, *limit.wanted);
    if (!limit.reading || !limit.reading->effective)
        return wanted;
    const std::string effective = jail::format_limit(limit.kind, *limit.reading->effective);
    return effective == wanted ? wanted : fmt::format("{} (wanted {})", effective, wanted);
}

/// What was asked for and does not hold: ", but for net-in: the jail shares the network of the host".
std::string exceptions(const ops::LimitsResult& result, const ops::LimitsRequest& request) {
    std::string text;
    for (const ops::LimitView& limit : result.limits) {
        const std::string name(jail::limit_name(limit.kind));
        if (!limit.reading || limit.reading->enforcement != jail::Enforcement::unavailable ||
            (request.limits_template.empty() && !request.changes.contains(name)))
            continue;
        text += fmt::format("{}{}: {}", text.empty() ? ", but for " : "; ", name,
                            base::printable(limit.reading->mechanism));
    }
    return text;
}

Json limit_json(const ops::LimitView& limit) {
    const auto number = [](const std::optional<std::uint64_t>& value) {
        return value ? Json(*value) : Json(nullptr);
    };
    Json json = {{"limit", jail::limit_name(limit.kind)},
                 {"wanted", number(limit.wanted)},
                 {"source", limit.source},
                 {"effective", limit.reading ? number(limit.reading->effective) : Json(nullptr)},
                 {"enforcement",
                  limit.reading ? Json(jail::enforcement_name(limit.reading->enforcement)) : Json(nullptr)},
                 {"mechanism", limit.reading ? Json(limit.reading->mechanism) : Json(nullptr)},
                 {"use", number(limit.use)}};
    json[limit.kind == LimitKind::cpu ? "held_back_usec" : "hits"] = number(limit.hits);
    return json;
}

} // namespace

std::map<std::string, std::string> limit_changes(const std::vector<std::string>& texts) {
    std::map<std::string, std::string> changes;
    for (const std::string& text : texts) {
        const std::size_t at = text.find('=');
        if (at == std::string::npos || at == 0)
            throw Error(ErrorKind::usage, text, "is no limit, allowed: LIMIT=VALUE, such as memory=256M",
                        "pkgjail help limits");
        if (!changes.emplace(text.substr(0, at), text.substr(at + 1)).second)
            throw Error(ErrorKind::usage, text.substr(0, at), "is given twice");
    }
    return changes;
}

int cmd_limits(Environment& environment) {
    const std::string jail = environment.text("jail");
    if (jail.empty())
        throw Error(ErrorKind::usage, "limits", "no jail given", "pkgjail limits JAIL [LIMIT=VALUE…]");
    ops::LimitsRequest request{jail, limit_changes(environment.list("limit=value…")),
                               environment.text("limits")};
    const bool change = !request.changes.empty() || !request.limits_template.empty();
    const ops::LimitsResult result = change ? ops::change_limits(environment.context(), request)
                                            : ops::limits(environment.context(), jail);
    const bool dry_run = environment.context().dry_run;
    if (environment.json()) {
        Json list = Json::array();
        for (const ops::LimitView& limit : result.limits)
            list.push_back(limit_json(limit));
        Json document = {{"jail", jail},
                         {"template", result.limits_template},
                         {"require", result.require_enforced ? "enforced" : "any"},
                         {"running", result.running},
                         {"watched_usec", result.watched_usec ? Json(*result.watched_usec) : Json(nullptr)},
                         {"limits", list}};
        if (change) {
            document["changed"] = result.changed;
            document["dry_run"] = dry_run;
        }
        environment.print_json(document);
        return exit_done;
    }
    Table table({"LIMIT", "VALUE", "FROM", "USE", "HITS", "HOW"}, 5);
    for (const ops::LimitView& limit : result.limits)
        table.add({{std::string(jail::limit_name(limit.kind))},
                   {value_text(limit)},
                   {limit.source.empty() ? "-" : base::printable(limit.source)},
                   {limit.use ? jail::format_limit(limit.kind, *limit.use) : "-"},
                   {hits_text(limit)},
                   {mechanism_text(limit)}});
    environment.say(table.render(output_screen()));
    if (change && result.changed)
        environment.say(fmt::format("jail {}: limits {}\n", jail,
                                    dry_run ? "would be changed"
                                    : result.running
                                        ? "changed, in force at once" + exceptions(result, request)
                                        : "changed, in force from the next start"));
    return exit_done;
}

} // namespace pkgjail::cli
