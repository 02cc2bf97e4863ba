// hold and unhold.
#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/cli/plan_words.hpp"
#include "pkgjail/ops/hold.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;
using base::printable;

namespace {

std::optional<std::int64_t> until_option(Environment& environment) {
    if (!environment.has("until"))
        return std::nullopt;
    const std::string text = environment.text("until");
    auto time = base::parse_time(text);
    if (!time)
        time = base::parse_time(text + "T00:00:00Z");
    if (!time)
        throw Error(ErrorKind::usage, "--until",
                    fmt::format("found \"{}\", allowed: a day such as 2027-01-15, or a time such as "
                                "2027-01-15T06:00:00Z",
                                text));
    return base::to_unix(*time);
}

void require_arguments(Environment& environment) {
    if (environment.list("package…").empty())
        throw Error(ErrorKind::usage, environment.verb(), "no package given",
                    fmt::format("pkgjail {} PKG… -j JAIL", environment.verb()));
    if (environment.text("jail").empty())
        throw Error(ErrorKind::usage, environment.verb(), "no jail given",
                    fmt::format("pkgjail {} PKG… -j JAIL", environment.verb()));
}

int tell(Environment& environment, const ops::HoldResult& result) {
    const bool dry_run = environment.context().dry_run;
    if (environment.json()) {
        environment.print_json({{"jail", result.jail},
                                {"changed", result.changed && !dry_run},
                                {"dry_run", dry_run},
                                {"holds", holds_json(result.holds)}});
        return exit_done;
    }
    std::string text;
    if (!result.changed)
        text = fmt::format("jail {}: nothing to do\n", result.jail);
    else if (dry_run)
        text = fmt::format("jail {}: would then have\n", result.jail);
    for (const catalog::Hold& hold : result.holds)
        text += fmt::format("jail {}: {}\n", result.jail, hold_text(hold));
    if (result.changed && result.holds.empty())
        text += fmt::format("jail {}: nothing is held\n", result.jail);
    environment.say(text);
    return exit_done;
}

} // namespace

int cmd_hold(Environment& environment) {
    require_arguments(environment);
    ops::HoldRequest request;
    request.jail = environment.text("jail");
    request.packages = environment.list("package…");
    request.reason = environment.text("reason");
    request.until = until_option(environment);
    return tell(environment, ops::hold(environment.context(), request));
}

int cmd_unhold(Environment& environment) {
    require_arguments(environment);
    return tell(environment,
                ops::unhold(environment.context(), environment.text("jail"), environment.list("package…")));
}

} // namespace pkgjail::cli
