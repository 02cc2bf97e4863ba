#include "pkgjail/ops/upgrade_planner.hpp"

#include <fmt/core.h>

#include "pkgjail/format/pkgname.hpp"
#include "pkgjail/format/version.hpp"
#include "pkgjail/ops/holding.hpp"
#include "pkgjail/ops/planning.hpp"
#include "pkgjail/solve/pattern_table.hpp"

namespace pkgjail::ops {

namespace {

bool is_newer(const std::string& pkgname, const std::string& than) {
    return format::compare_versions(format::Pkgname::parse(pkgname).version(),
                                    format::Pkgname::parse(than).version()) > 0;
}

} // namespace

UpgradePlanner::UpgradePlanner(const Context& context, catalog::Catalog& catalog,
                               std::vector<std::string> only)
    : context_(context), catalog_(catalog), only_(std::move(only)), universe_(catalog) {}

UpgradeResult UpgradePlanner::plan(const catalog::Jail& jail, const catalog::Image& image) {
    const std::set<std::string> held = held_bases(jail);
    const Answer& found = answer(image, held);
    if (const auto* refusal = std::get_if<base::Error>(&found))
        throw refusal_for_jail(*refusal, present_packages(image, held), jail);
    const Solution& solution = std::get<Solution>(found);
    UpgradeResult result;
    result.jail = jail.name;
    result.generation = jail.current;
    result.image = image.id;
    result.plan = solution.plan;
    result.download_bytes = solution.download_bytes;
    result.held = held_back(jail, image);
    result.vanished = solution.vanished;
    for (const std::string& pkgname : result.vanished)
        context_.reporter.warn(fmt::format("jail {}: no repository offers {} any more; it is kept as it is",
                                           jail.name, pkgname));
    result.unneeded = solution.unneeded;
    tell_vulnerable(context_, catalog_, *result.plan, vulnerabilities_);
    return result;
}

const UpgradePlanner::Answer& UpgradePlanner::answer(const catalog::Image& image,
                                                     const std::set<std::string>& held) {
    Question question{image.id, held};
    if (const auto known = answers_.find(question); known != answers_.end())
        return known->second;
    std::optional<Answer> answer;
    try {
        answer = solve_for(image, held);
    } catch (const base::Error& refusal) {
        // Whatever else went wrong is an Error as well, and would go wrong again for the next jail.
        answer = refusal;
    }
    return answers_.emplace(std::move(question), std::move(*answer)).first->second;
}

UpgradePlanner::Solution UpgradePlanner::solve_for(const catalog::Image& image,
                                                   const std::set<std::string>& held) {
    solve::Request question;
    question.upgrade = true;
    question.upgrade_only = only_;
    question.present = present_packages(image, held);
    Solution solution;
    solution.plan = std::make_shared<const solve::Plan>(plan_or_throw(question, universe_, patterns_));
    solution.download_bytes = bytes_to_download(*solution.plan);
    // A package that the operator gave as a file was never on offer.
    for (const solve::Plan::Member& member : solution.plan->result)
        if (member.already_present && member.package.repository != local_files &&
            universe_.of_base(std::string(solve::base_of(member.package.pkgname))).empty())
            solution.vanished.push_back(member.package.pkgname);
    solution.unneeded = unneeded_after(held, *solution.plan, universe_, patterns_);
    return solution;
}

std::vector<HeldBack> UpgradePlanner::held_back(const catalog::Jail& jail, const catalog::Image& image) {
    std::vector<HeldBack> held;
    if (jail.holds.empty())
        return held;
    for (const catalog::Hold& hold : jail.holds)
        if (!is_in_force(hold))
            context_.reporter.warn(
                fmt::format("jail {}: the hold on {} has ended ({}); pkgjail unhold {} -j {} forgets it",
                            jail.name, hold.pkgbase, hold_words(hold), hold.pkgbase, jail.name));
    for (const catalog::ImagePackage& package : image.packages)
        if (const catalog::Hold* hold = hold_on(jail, package.pkgname))
            held.push_back({package.pkgname, best_newer(package.pkgname), *hold});
    return held;
}

std::string UpgradePlanner::best_newer(const std::string& pkgname) {
    std::string best;
    for (const solve::Offer& offer : universe_.of_base(std::string(solve::base_of(pkgname))))
        if (is_newer(offer.pkgname, best.empty() ? pkgname : best))
            best = offer.pkgname;
    return best;
}

} // namespace pkgjail::ops
