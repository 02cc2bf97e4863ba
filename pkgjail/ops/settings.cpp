#include "pkgjail/ops/settings.hpp"

#include "pkgjail/ops/installed.hpp"
#include "pkgjail/ops/make_image.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/ops/switch_image.hpp"

namespace pkgjail::ops {

void take_claims(catalog::Jail& jail, const jail::RenderedRecipe& recipe) {
    jail.network = jail::network_mode_name(recipe.network);
    jail.claims.clear();
    if (recipe.network == jail::NetworkMode::host)
        for (const jail::PortClaim& claim : recipe.claims)
            jail.claims.push_back({claim.protocol, claim.address, claim.port});
    for (const jail::PublishedPort& port : recipe.publish)
        jail.claims.push_back({port.protocol, port.address, port.host_port});
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
        throw base::Error(base::ErrorKind::conflict, name, "has no recipe, so it has no settings");
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
