// upgrade, rollback: new generations, and the way back.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/cli/plan_words.hpp"
#include "pkgjail/cli/status_words.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/ops/upgrade.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;
using base::printable;

namespace {

Json held_json(const std::vector<ops::HeldBack>& held) {
    Json list = Json::array();
    for (const ops::HeldBack& each : held) {
        Json json = {{"pkgname", each.pkgname},
                     {"offered", each.offered.empty() ? Json(nullptr) : Json(each.offered)}};
        json.update(holds_json({each.hold}).front());
        list.push_back(json);
    }
    return list;
}

/// What is left alone and why; what was left behind.
std::string notes_text(const ops::UpgradeResult& result) {
    std::string text;
    for (const ops::HeldBack& each : result.held)
        if (!each.offered.empty())
            text +=
                folded(fmt::format("jail {}: {} stays, {} is on offer: {}", result.jail,
                                   printable(each.pkgname), printable(each.offered), hold_text(each.hold)),
                       0, output_screen()) +
                "\n";
    if (result.changed && !result.unneeded.empty())
        text += folded(fmt::format("jail {}: nothing needs {} any more; pkgjail autoremove -j {}",
                                   result.jail, fmt::join(result.unneeded, ", "), result.jail),
                       0, output_screen()) +
                "\n";
    return text;
}

Json upgrade_json(const ops::UpgradeResult& result) {
    Json json = {{"changed", result.changed},
                 {"steps", plan_json(*result.plan)},
                 {"download_bytes", result.download_bytes},
                 {"generation", result.generation},
                 {"image", result.image},
                 {"started", result.started},
                 {"build_warnings", result.warnings},
                 {"held", held_json(result.held)},
                 {"vanished", result.vanished},
                 {"unneeded", result.unneeded}};
    if (result.status)
        json["status"] = status_json(*result.status);
    return json;
}

std::string upgrade_text(const ops::UpgradeResult& result) {
    if (result.plan->changes_nothing())
        return fmt::format("jail {}: nothing to do, generation {} is up to date\n", result.jail,
                           result.generation);
    if (!result.changed)
        return fmt::format("jail {}: would\n{}at most {} to download\n", result.jail, plan_text(*result.plan),
                           jail::format_size(result.download_bytes));
    std::string text = plan_text(*result.plan) + fmt::format("jail {}: generation {}, image {}", result.jail,
                                                             result.generation, short_id(result.image));
    if (result.status)
        text +=
            ", " + colored(state_text(*result.status), state_color(result.status->state), output_screen());
    return text + "\n";
}

using Looked = std::variant<ops::UpgradeResult, Error>;

/// For each of `jails` what there is to do, or why that cannot be said. The catalog is let go before anything
/// is printed: whoever reads that may take his time.
std::vector<Looked> look(const ops::Context& context, const std::vector<std::string>& jails,
                         const std::vector<std::string>& only) {
    ops::UpgradeCheck check(context, only);
    std::vector<Looked> looked;
    for (const std::string& jail : jails)
        try {
            looked.emplace_back(check.of(jail));
        } catch (const Error& error) {
            looked.emplace_back(error);
        }
    return looked;
}

std::int64_t generation_option(Environment& environment) {
    const std::string text = environment.text("generation");
    if (text.empty())
        return 0;
    if (text.size() > 9 || text.find_first_not_of("0123456789") != std::string::npos || std::stol(text) == 0)
        throw Error(ErrorKind::usage, "rollback",
                    fmt::format("found \"{}\" as generation, allowed: a number from 1", printable(text)),
                    "pkgjail history JAIL lists them");
    return std::stol(text);
}

} // namespace

int cmd_upgrade(Environment& environment) {
    const std::vector<std::string> jails = named_jails(environment);
    ops::UpgradeRequest request;
    request.only = environment.list("package");
    const bool only_look = environment.has("check") || environment.context().dry_run;
    std::vector<Looked> looked;
    if (only_look)
        looked = look(environment.context(), jails, request.only);
    auto next_looked = looked.begin();
    // Everything is fetched and checked before the first jail is changed; a jail for which that fails stays
    // as it is.
    std::map<std::string, Error> failures;
    std::set<std::string> fetched;
    if (jails.size() > 1 && !only_look)
        for (const std::string& jail : jails)
            try {
                request.jail = jail;
                ops::fetch_for_upgrade(environment.context(), request, fetched);
            } catch (const Error& error) {
                environment.failed(error);
                failures.emplace(jail, error);
            }
    bool something = false;
    const int status = for_each_jail(environment, jails, [&](const std::string& jail) {
        if (const auto failure = failures.find(jail); failure != failures.end())
            throw Error(failure->second);
        request.jail = jail;
        const Looked what =
            only_look ? std::move(*next_looked++) : Looked(ops::upgrade(environment.context(), request));
        if (const Error* error = std::get_if<Error>(&what))
            throw Error(*error);
        const auto& result = std::get<ops::UpgradeResult>(what);
        something = something || !result.plan->changes_nothing();
        environment.say(upgrade_text(result) + notes_text(result));
        return upgrade_json(result);
    });
    return status == exit_done && something && environment.has("check") ? exit_finding : status;
}

int cmd_rollback(Environment& environment) {
    if (!environment.has("jail"))
        throw Error(ErrorKind::usage, "rollback", "no jail given", "pkgjail rollback JAIL [GENERATION]");
    const ops::RollbackResult result =
        ops::rollback(environment.context(), environment.text("jail"), generation_option(environment));
    const bool dry_run = environment.context().dry_run;
    if (environment.json()) {
        Json json = {{"jail", result.jail},
                     {"from", result.from},
                     {"to", result.to},
                     {"dry_run", dry_run},
                     {"started", result.started}};
        if (result.status)
            json["status"] = status_json(*result.status);
        environment.print_json(json);
        return exit_done;
    }
    if (result.from == result.to)
        environment.say(fmt::format("jail {}: generation {} is current already\n", result.jail, result.to));
    else
        environment.say(fmt::format("jail {}: {} from generation {} to {}{}\n", result.jail,
                                    dry_run ? "would go" : "went", result.from, result.to,
                                    result.status ? ", " + state_text(*result.status) : ""));
    return exit_done;
}

} // namespace pkgjail::cli
