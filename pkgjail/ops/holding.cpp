#include "pkgjail/ops/holding.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/format/pkgname.hpp"
#include "pkgjail/ops/planning.hpp"

namespace pkgjail::ops {

using base::Error;

bool is_in_force(const catalog::Hold& hold) {
    return !hold.until || *hold.until > base::to_unix(base::wall_now());
}

std::string hold_words(const catalog::Hold& hold) {
    std::string words = hold.reason;
    if (hold.until)
        words += fmt::format("{}until {}", words.empty() ? "" : ", ",
                             base::format_time(base::from_unix(*hold.until)));
    return words;
}

const catalog::Hold* hold_on(const catalog::Jail& jail, const std::string& pkgname) {
    const format::Pkgname package = format::Pkgname::parse(pkgname);
    const auto found = std::find_if(jail.holds.begin(), jail.holds.end(), [&](const catalog::Hold& hold) {
        return hold.pkgbase == package.base() && is_in_force(hold);
    });
    return found == jail.holds.end() ? nullptr : &*found;
}

std::vector<solve::Present> present_packages(const Installed& installed) {
    std::vector<solve::Present> present = present_packages(installed.image);
    for (solve::Present& package : present)
        package.held = hold_on(installed.jail, package.package.pkgname) != nullptr;
    return present;
}

solve::Plan plan_for_jail(const solve::Request& request, solve::Universe& universe,
                          const catalog::Jail& jail) {
    try {
        return plan_or_throw(request, universe);
    } catch (const Error& error) {
        std::string cause = error.cause();
        std::string hint = error.hint();
        for (const solve::Present& package : request.present) {
            if (!package.held ||
                error.cause().find(package.package.pkgname + " is held") == std::string::npos)
                continue;
            const catalog::Hold* hold = hold_on(jail, package.package.pkgname);
            if (hold == nullptr)
                continue;
            if (const std::string words = hold_words(*hold); !words.empty())
                cause += fmt::format("; the hold on {}: {}", hold->pkgbase, words);
            hint = fmt::format("pkgjail unhold {} -j {}", hold->pkgbase, jail.name);
        }
        if (cause == error.cause() && hint == error.hint())
            throw;
        throw Error(error.kind(), error.object(), cause, hint);
    }
}

std::vector<std::string> unneeded_after(const catalog::Jail& jail, const solve::Plan& plan,
                                        solve::Universe& universe) {
    solve::Request question;
    question.remove_unneeded = true;
    for (const solve::Plan::Member& member : plan.result)
        question.present.push_back(
            {member.package, member.automatic, hold_on(jail, member.package.pkgname) != nullptr});
    std::vector<std::string> unneeded;
    for (const solve::Step& step : plan_or_throw(question, universe).steps)
        if (step.kind == solve::StepKind::remove)
            unneeded.push_back(step.pkgname);
    return unneeded;
}

} // namespace pkgjail::ops
