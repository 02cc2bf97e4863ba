#include "pkgjail/ops/holding.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/format/pkgname.hpp"
#include "pkgjail/ops/planning.hpp"

namespace pkgjail::ops {

using base::Error;

namespace {

bool is_held(const std::set<std::string>& held, const std::string& pkgname) {
    return !held.empty() && held.contains(std::string(format::Pkgname::parse(pkgname).base()));
}

} // namespace

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

std::set<std::string> held_bases(const catalog::Jail& jail) {
    std::set<std::string> bases;
    for (const catalog::Hold& hold : jail.holds)
        if (is_in_force(hold))
            bases.insert(hold.pkgbase);
    return bases;
}

std::vector<solve::Present> present_packages(const Installed& installed) {
    return present_packages(installed.image, held_bases(installed.jail));
}

std::vector<solve::Present> present_packages(const catalog::Image& image, const std::set<std::string>& held) {
    std::vector<solve::Present> present = present_packages(image);
    for (solve::Present& package : present)
        package.held = is_held(held, package.package.pkgname);
    return present;
}

solve::Plan plan_for_jail(const solve::Request& request, solve::Universe& universe,
                          const catalog::Jail& jail) {
    try {
        return plan_or_throw(request, universe);
    } catch (const Error& error) {
        throw refusal_for_jail(error, request.present, jail);
    }
}

Error refusal_for_jail(const Error& refusal, const std::vector<solve::Present>& present,
                       const catalog::Jail& jail) {
    std::string cause = refusal.cause();
    std::string hint = refusal.hint();
    for (const solve::Present& package : present) {
        if (!package.held || refusal.cause().find(package.package.pkgname + " is held") == std::string::npos)
            continue;
        const catalog::Hold* hold = hold_on(jail, package.package.pkgname);
        if (hold == nullptr)
            continue;
        if (const std::string words = hold_words(*hold); !words.empty())
            cause += fmt::format("; the hold on {}: {}", hold->pkgbase, words);
        hint = fmt::format("pkgjail unhold {} -j {}", hold->pkgbase, jail.name);
    }
    if (cause == refusal.cause() && hint == refusal.hint())
        return refusal;
    return {refusal.kind(), refusal.object(), cause, hint};
}

std::vector<std::string> unneeded_after(const std::set<std::string>& held, const solve::Plan& plan,
                                        solve::Universe& universe, solve::PatternTable& patterns) {
    solve::Request question;
    question.remove_unneeded = true;
    bool some_automatic = false;
    for (const solve::Plan::Member& member : plan.result) {
        question.present.push_back({member.package, member.automatic, is_held(held, member.package.pkgname)});
        some_automatic = some_automatic || member.automatic;
    }
    std::vector<std::string> unneeded;
    if (!some_automatic) // what was asked for is needed
        return unneeded;
    for (const solve::Step& step : plan_or_throw(question, universe, patterns).steps)
        if (step.kind == solve::StepKind::remove)
            unneeded.push_back(step.pkgname);
    return unneeded;
}

} // namespace pkgjail::ops
