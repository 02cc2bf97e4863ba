#include "pkgjail/ops/requirements.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "pkgjail/ops/service.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

/// One walk from jails down to what they require.
struct Requirements::Walk {
    bool strict = false; ///< throw for what is wrong, instead of leaving it out
    std::set<std::string> seen;
    Names path; ///< from the first jail to the present one
    Names order;
};

void Requirements::add(const std::string& jail, Names required) {
    required_[jail] = std::move(required);
}

void Requirements::add_unreadable(const std::string& jail, const Error& why) {
    required_[jail] = {};
    unreadable_.emplace(jail, why);
}

const Requirements::Names& Requirements::of(const std::string& jail) const {
    static const Names none;
    const auto found = required_.find(jail);
    return found == required_.end() ? none : found->second;
}

Requirements::Names Requirements::required_by(const std::string& jail) const {
    Names names;
    for (const auto& [name, required] : required_)
        if (std::find(required.begin(), required.end(), jail) != required.end())
            names.push_back(name);
    return names;
}

void Requirements::visit(const std::string& jail, Walk& walk) const {
    const auto above = std::find(walk.path.begin(), walk.path.end(), jail);
    if (above != walk.path.end()) {
        if (walk.strict)
            throw Error(
                ErrorKind::configuration, jail,
                fmt::format("requires itself: {} -> {}", fmt::join(above, walk.path.end(), " -> "), jail),
                "take one of these out of `requires` in its recipe");
        return;
    }
    if (walk.seen.contains(jail))
        return;
    if (walk.strict) {
        if (!required_.contains(jail) && !walk.path.empty())
            throw Error(
                ErrorKind::not_found, jail,
                fmt::format("there is no jail of this name, and jail {} requires it", walk.path.back()),
                fmt::format("make it first: pkgjail install PACKAGE -j {}", jail));
        if (const auto why = unreadable_.find(jail); why != unreadable_.end())
            throw Error(why->second);
    }
    walk.path.push_back(jail);
    for (const std::string& required : of(jail))
        visit(required, walk);
    walk.path.pop_back();
    walk.seen.insert(jail);
    walk.order.push_back(jail);
}

Requirements::Names Requirements::start_order(const std::string& jail) const {
    Walk walk;
    walk.strict = true;
    visit(jail, walk);
    return std::move(walk.order);
}

Requirements::Names Requirements::dependents(const std::string& jail) const {
    std::set<std::string> found = {jail};
    for (bool grown = true; grown;) {
        grown = false;
        for (const auto& [name, required] : required_)
            if (!found.contains(name) && std::any_of(required.begin(), required.end(),
                                                     [&](const auto& one) { return found.contains(one); })) {
                found.insert(name);
                grown = true;
            }
    }
    found.erase(jail);
    Names names = sorted({found.begin(), found.end()});
    std::reverse(names.begin(), names.end());
    return names;
}

Requirements::Names Requirements::sorted(const Names& jails) const {
    Walk walk;
    for (const std::string& jail : jails)
        visit(jail, walk);
    std::erase_if(walk.order, [&](const std::string& name) {
        return std::find(jails.begin(), jails.end(), name) == jails.end();
    });
    return std::move(walk.order);
}

Requirements read_requirements(const Context& context, catalog::Catalog& catalog) {
    Requirements requirements;
    for (const catalog::Jail& jail : catalog::Jails(catalog).all()) {
        try {
            const auto recipe = rendered_recipe(context, jail);
            requirements.add(jail.name, recipe ? recipe->requires_ : Requirements::Names{});
        } catch (const Error& error) {
            context.reporter.warn(
                fmt::format("what jail {} requires is not known: {}", jail.name, error.what()));
            requirements.add_unreadable(jail.name, error);
        }
    }
    return requirements;
}

void check_requirements(const Context& context, catalog::Catalog& catalog, const std::string& jail,
                        const jail::RenderedRecipe& recipe, bool to_be_started) {
    if (recipe.requires_.empty())
        return;
    Requirements requirements = read_requirements(context, catalog);
    requirements.add(jail, recipe.requires_);
    try {
        requirements.start_order(jail);
    } catch (const Error& error) {
        if (to_be_started || error.kind() != ErrorKind::not_found)
            throw;
        context.reporter.warn(fmt::format("jail {}: {}", error.object(), error.cause()));
    }
}

} // namespace pkgjail::ops
