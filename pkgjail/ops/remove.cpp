// `pkgjail remove`: packages out of a jail, as a new generation.
#include <algorithm>

#include "pkgjail/catalog/images.hpp"
#include "pkgjail/format/pattern.hpp"
#include "pkgjail/ops/install.hpp"
#include "pkgjail/ops/make_image.hpp"
#include "pkgjail/ops/planning.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/start_jail.hpp"
#include "pkgjail/ops/switch_image.hpp"
#include "pkgjail/ops/universe.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

/// The wish list without what was removed, so that a later upgrade does not bring it back.
std::vector<std::string> remaining_wishes(const std::vector<std::string>& wishes, const solve::Plan& plan) {
    std::vector<std::string> remaining;
    for (const std::string& wish : wishes) {
        const format::Pattern pattern = format::Pattern::parse(wish);
        const bool fulfilled =
            std::any_of(plan.result.begin(), plan.result.end(), [&](const solve::Plan::Member& member) {
                return pattern.matches(member.package.pkgname);
            });
        if (fulfilled)
            remaining.push_back(wish);
    }
    return remaining;
}

} // namespace

InstallResult remove(const Context& context, const RemoveRequest& request) {
    if (request.packages.empty())
        throw Error(ErrorKind::usage, "remove", "no package given",
                    "pkgjail remove PACKAGE -j JAIL; a whole jail goes with pkgjail destroy");
    Session session(context, "remove", request.jail);
    const auto lock = session.lock_jail(request.jail);
    const catalog::Jail jail = require_jail(session.catalog(), request.jail);
    const auto generation = catalog::Jails(session.catalog()).generation(jail.id, jail.current);
    const auto before =
        generation ? catalog::Images(session.catalog()).find(generation->image_id) : std::nullopt;
    if (!before)
        throw Error(ErrorKind::corrupt, jail.name, "the catalog has no image for it",
                    "pkgjail doctor checks the catalog");

    solve::Request question;
    question.remove = request.packages;
    question.remove_unneeded = true;
    question.present = present_packages(*before);
    CatalogUniverse universe(session.catalog());
    InstallResult result;
    result.jail = jail.name;
    result.recipe = jail.recipe;
    result.generation = jail.current;
    result.image = before->id;
    result.plan = plan_or_throw(question, universe);
    if (result.plan.result.empty())
        throw Error(ErrorKind::conflict, jail.name, "nothing would be left in it",
                    "pkgjail destroy removes the jail itself");
    const auto recipe = rendered_recipe(context, jail);
    if (recipe)
        for (const std::string& wanted : recipe->packages) {
            const format::Pattern pattern = format::Pattern::parse(wanted);
            if (std::none_of(result.plan.result.begin(), result.plan.result.end(),
                             [&](const solve::Plan::Member& member) {
                                 return pattern.matches(member.package.pkgname);
                             }))
                throw Error(ErrorKind::conflict, wanted,
                            "the service of jail " + jail.name + " needs it (recipe " + recipe->name + ")",
                            "pkgjail destroy removes the jail itself");
        }
    if (context.dry_run || result.plan.changes_nothing()) {
        session.finish();
        return result;
    }
    const Archives archives = obtain_archives(session, result.plan, {}, digests_of(*before));
    const MadeImage made = make_image(session, result.plan, archives, jail.name);
    const Switched switched =
        switch_image(session, jail, made, remaining_wishes(generation->wishes, result.plan));
    result.generation = switched.jail.current;
    result.image = made.image.id;
    result.image_reused = made.reused;
    result.setid = made.setid;
    result.warnings = made.warnings;
    result.started = switched.started;
    result.status = switched.status;
    result.addresses = addresses(recipe);
    session.finish();
    return result;
}

} // namespace pkgjail::ops
