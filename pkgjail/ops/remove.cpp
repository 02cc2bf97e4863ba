// `pkgjail remove` and `autoremove`: packages out of a jail, as a new generation.
#include <algorithm>
#include <iterator>

#include "pkgjail/format/pattern.hpp"
#include "pkgjail/ops/holding.hpp"
#include "pkgjail/ops/install.hpp"
#include "pkgjail/ops/installed.hpp"
#include "pkgjail/ops/planning.hpp"
#include "pkgjail/ops/promised_image.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/switch_image.hpp"
#include "pkgjail/ops/universe.hpp"
#include "pkgjail/solve/pattern_table.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

/// The wish list without what was removed, so that a later upgrade does not bring it back.
std::vector<std::string> remaining_wishes(const std::vector<std::string>& wishes, const solve::Plan& plan) {
    std::vector<std::string> remaining;
    std::copy_if(wishes.begin(), wishes.end(), std::back_inserter(remaining),
                 [&](const std::string& wish) { return is_fulfilled(wish, plan); });
    return remaining;
}

void refuse_what_the_jail_is_for(const catalog::Jail& jail, const solve::Plan& plan,
                                 const std::optional<jail::RenderedRecipe>& recipe) {
    if (plan.result.empty())
        throw Error(ErrorKind::conflict, jail.name, "nothing would be left in it",
                    "pkgjail destroy removes the jail itself");
    if (!recipe)
        return;
    for (const std::string& wanted : recipe->packages)
        if (!is_fulfilled(wanted, plan))
            throw Error(ErrorKind::conflict, wanted,
                        "the service of jail " + jail.name + " needs it (recipe " + recipe->name + ")",
                        "pkgjail destroy removes the jail itself");
}

void refuse_held(const Installed& installed, const std::vector<std::string>& words) {
    for (const std::string& word : words)
        for (const catalog::ImagePackage& package : packages_meant(installed, word))
            if (const catalog::Hold* hold = hold_on(installed.jail, package.pkgname)) {
                const std::string why = hold_words(*hold);
                throw Error(ErrorKind::conflict, package.pkgname, why.empty() ? "is held" : "is held: " + why,
                            "pkgjail unhold " + hold->pkgbase + " -j " + installed.jail.name);
            }
}

InstallResult take_out(const Context& context, const char* verb, const RemoveRequest& request,
                       bool unneeded) {
    Session session(context, verb, request.jail, Session::Reads::foreign);
    const auto lock = session.lock_jail(request.jail);
    const Installed before = installed_in(session.catalog(), request.jail);
    refuse_held(before, request.packages);

    solve::Request question;
    question.remove = request.packages;
    question.remove_unneeded = unneeded;
    question.present = present_packages(before);
    CatalogUniverse universe(session.catalog());
    InstallResult result;
    result.jail = before.jail.name;
    result.recipe = before.jail.recipe;
    result.generation = before.jail.current;
    result.image = before.image.id;
    result.plan = plan_for_jail(question, universe, before.jail);
    const auto recipe = rendered_recipe(context, before.jail);
    refuse_what_the_jail_is_for(before.jail, result.plan, recipe);
    solve::PatternTable patterns;
    result.unneeded = unneeded_after(held_bases(before.jail), result.plan, universe, patterns);
    if (context.dry_run || result.plan.changes_nothing()) {
        session.finish();
        return result;
    }
    require_switchable(before.jail);
    const MadeImage made =
        image_of_plan(session, result.plan, {}, archives_of(before.image), before.jail.name);
    const Switched switched =
        switch_image(session, before.jail, made, remaining_wishes(before.generation.wishes, result.plan));
    result.generation = switched.jail.current;
    result.image = made.image.id;
    result.image_reused = made.reused;
    result.setid = made.setid;
    result.warnings = made.warnings;
    result.started = switched.started;
    result.status = switched.status;
    result.addresses = addresses(recipe, before.jail.address);
    session.finish();
    return result;
}

} // namespace

InstallResult remove(const Context& context, const RemoveRequest& request) {
    if (request.packages.empty())
        throw Error(ErrorKind::usage, "remove", "no package given",
                    "pkgjail remove PACKAGE -j JAIL; a whole jail goes with pkgjail destroy");
    check_patterns(request.packages);
    return take_out(context, "remove", request, false);
}

InstallResult autoremove(const Context& context, const std::string& jail) {
    return take_out(context, "autoremove", {jail, {}}, true);
}

} // namespace pkgjail::ops
