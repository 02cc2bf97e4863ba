#include "pkgjail/ops/recipes.hpp"

#include <fmt/core.h>

#include "pkgjail/jail/search.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/session.hpp"

namespace pkgjail::ops {

std::vector<ListedRecipe> list_recipes(const Context& context) {
    std::vector<ListedRecipe> listed;
    std::vector<catalog::Jail> jails;
    if (auto catalog = open_for_reading(context))
        jails = catalog::Jails(*catalog).all();
    for (const base::Error& misnamed : jail::misnamed_recipes(context.config.recipe_directories))
        context.reporter.warn(fmt::format("{}; nothing reads it", misnamed.what()));
    for (const std::string& name : jail::list_recipes(context.config.recipe_directories)) {
        ListedRecipe one;
        one.name = name;
        one.file = *jail::find_named(context.config.recipe_directories, name, ".recipe");
        for (const catalog::Jail& jail : jails)
            if (jail.recipe == name)
                one.jails.push_back(jail.name);
        try {
            const jail::RenderedRecipe recipe = show_recipe(context, name, name, {}).recipe;
            one.summary = recipe.summary;
            one.packages = recipe.packages;
        } catch (const base::Error& error) {
            one.error = error;
        }
        listed.push_back(std::move(one));
    }
    return listed;
}

ShownRecipe show_recipe(const Context& context, const std::string& name, const std::string& jail,
                        const std::map<std::string, std::string>& set) {
    const jail::Recipe recipe = jail::load_recipe(context.config.recipe_directories, name);
    jail::RenderContext values;
    values.jail = jail;
    values.prefix = context.config.prefix;
    values.host = jail::host_values();
    values.set = set;
    ShownRecipe shown{
        jail::render(recipe, values), jail::render_preparation(recipe, values), recipe.file, {}};
    shown.limits =
        jail::load_limits(context.config.limit_directories, shown.recipe.limits, jail::host_terms());
    for (const auto& [key, text] : shown.recipe.limit_overrides)
        jail::override_limit(shown.limits, {key, text, {"recipe " + name, 0, key}}, jail::host_terms(),
                             "recipe " + name);
    return shown;
}

} // namespace pkgjail::ops
