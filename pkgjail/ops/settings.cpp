#include "pkgjail/ops/settings.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/ops/installed.hpp"
#include "pkgjail/ops/make_image.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/ops/switch_image.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

/// Error{usage} for one that the recipe does not have: nothing is left out of what is asked for now.
void check_settings(const Context& context, const std::string& jail, const jail::RenderedRecipe& recipe,
                    const std::map<std::string, std::string>& set) {
    if (std::any_of(set.begin(), set.end(), [&](const auto& one) { return !recipe.set.contains(one.first); }))
        render_recipe(context, recipe.name, jail, set); // says which, and which there are
}

} // namespace

void take_claims(catalog::Jail& jail, const jail::RenderedRecipe& recipe) {
    jail.network = jail::network_mode_name(recipe.network);
    jail.claims.clear();
    if (recipe.network == jail::NetworkMode::host)
        for (const jail::PortClaim& claim : recipe.claims)
            jail.claims.push_back({claim.protocol, claim.address, claim.port});
    for (const jail::PublishedPort& port : recipe.publish)
        jail.claims.push_back({port.protocol, port.address, port.host_port});
}

std::optional<jail::RenderedRecipe> settle_copy(const Context& context, catalog::Jail& jail,
                                                const std::map<std::string, std::string>& set,
                                                const jail::NetworkChoice& network,
                                                const std::string& source) {
    if (jail.recipe.empty() && !set.empty())
        throw Error(ErrorKind::usage, "--set", fmt::format("needs a recipe, and {} has none", source));
    if (jail.recipe.empty() && !network.is_empty())
        throw Error(ErrorKind::usage, jail.name, "a network is chosen for a service, and it has none");
    for (const auto& [key, value] : set)
        jail.settings[key] = value;
    jail.network_choice = jail::over(jail.network_choice, network);
    jail.address.clear();
    auto recipe = rendered_recipe(context, jail);
    if (!recipe)
        return recipe;
    check_settings(context, jail.name, *recipe, set);
    tell_lost_settings(context, jail, recipe);
    std::erase_if(jail.settings, [&](const auto& one) { return !recipe->set.contains(one.first); });
    take_claims(jail, *recipe);
    return recipe;
}

void change_settings(const Context& context, const std::string& name,
                     const std::map<std::string, std::string>& settings) {
    Session session(context, "apply", name);
    const auto lock = session.lock_jail(name);
    const Installed before = installed_in(session.catalog(), name);
    if (!context.dry_run)
        require_switchable(before.jail);
    catalog::Jail after = before.jail;
    after.settings = settings;
    const auto recipe = rendered_recipe(context, after);
    if (!recipe)
        throw Error(ErrorKind::conflict, name, "has no recipe, so it has no settings");
    check_settings(context, name, *recipe, settings);
    take_claims(after, *recipe);
    check_claims(session.catalog(), after);
    if (!context.dry_run) {
        MadeImage same;
        same.image = before.image;
        same.reused = true;
        switch_image(session, before.jail, same, before.generation.wishes, after.settings);
    }
    session.finish();
}

} // namespace pkgjail::ops
