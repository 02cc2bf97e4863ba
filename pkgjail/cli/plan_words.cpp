#include "pkgjail/cli/plan_words.hpp"

#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/terminal.hpp"
#include "pkgjail/ops/holding.hpp"

namespace pkgjail::cli {

using base::printable;

Json plan_json(const solve::Plan& plan) {
    Json steps = Json::array();
    for (const solve::Step& step : plan.steps)
        steps.push_back({{"action", solve::step_name(step.kind)},
                         {"pkgname", step.pkgname},
                         {"previous", step.previous},
                         {"reason", step.reason}});
    return steps;
}

std::string plan_text(const solve::Plan& plan) {
    Table table({"ACTION", "PACKAGE", "REASON"}, 2);
    for (const solve::Step& step : plan.steps)
        table.add(
            {{std::string(solve::step_name(step.kind))},
             {step.previous.empty() || step.previous == step.pkgname ? step.pkgname
                                                                     : step.previous + " -> " + step.pkgname},
             {printable(step.reason)}});
    return table.render(output_screen());
}

Json holds_json(const std::vector<catalog::Hold>& holds) {
    Json list = Json::array();
    for (const catalog::Hold& hold : holds)
        list.push_back(
            {{"package", hold.pkgbase},
             {"reason", hold.reason},
             {"until", hold.until ? Json(base::format_time(base::from_unix(*hold.until))) : Json(nullptr)},
             {"ended", !ops::is_in_force(hold)}});
    return list;
}

std::string hold_text(const catalog::Hold& hold) {
    const std::string words = printable(ops::hold_words(hold));
    return fmt::format("{} {}{}{}", printable(hold.pkgbase),
                       ops::is_in_force(hold) ? "is held" : "is held no more, the hold has ended",
                       words.empty() ? "" : ": ", words);
}

} // namespace pkgjail::cli
