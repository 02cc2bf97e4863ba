#include "pkgjail/cli/plan_words.hpp"

#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/terminal.hpp"

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

} // namespace pkgjail::cli
