#include "pkgjail/ops/declared.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "pkgjail/confine/private_network.hpp"
#include "pkgjail/format/pattern.hpp"
#include "pkgjail/jail/suggest.hpp"
#include "pkgjail/ops/installed.hpp"
#include "pkgjail/ops/mounts.hpp"
#include "pkgjail/ops/secrets.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/settings.hpp"
#include "pkgjail/ops/start_jail.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using jail::Declaration;
using supervise::ServiceState;

namespace {

using Names = std::vector<std::string>;

bool holds(const Names& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

bool has_service(const std::optional<jail::RenderedRecipe>& recipe) {
    return recipe && !recipe->services.empty();
}

std::string template_of(const Declaration& declaration, const std::optional<jail::RenderedRecipe>& recipe) {
    return !declaration.limits.empty() ? declaration.limits : recipe ? recipe->limits : "default";
}

/// The value at fault is found by trying each of them alone.
[[noreturn]] void blame_value(const Context& context, const Declaration& declaration, const Error& why) {
    for (const auto& [key, value] : declaration.set) {
        try {
            render_recipe(context, declaration.recipe, declaration.name, {{key, value}});
        } catch (const Error& error) {
            jail::refuse(declaration, "set", key, fmt::format("found \"{}\": {}", value, error.what()), {},
                         error.hint());
        }
    }
    throw Error(ErrorKind::configuration, declaration.file.string(), why.what(), why.hint());
}

void check_template(const Context& context, const Declaration& declaration) {
    const Names there = jail::list_limits(context.config.limit_directories);
    if (!declaration.limits.empty() && !holds(there, declaration.limits))
        jail::refuse(declaration, "jail", "limits", fmt::format("found \"{}\"", declaration.limits),
                     jail::enumerate(there), jail::did_you_mean(declaration.limits, there));
}

void check_packages(const Declaration& declaration) {
    for (const std::string& package : declaration.packages)
        try {
            check_pattern(package);
        } catch (const Error& error) {
            jail::refuse(declaration, "jail", "package",
                         fmt::format("found \"{}\", which {}", package, error.cause()));
        }
}

/// What the jail is to have, as patterns: the declaration's, then the recipe's.
Names wanted_packages(const Declaration& declaration, const std::optional<jail::RenderedRecipe>& recipe) {
    Names all = declaration.packages;
    if (recipe)
        for (const std::string& package : recipe->packages)
            if (!holds(all, package))
                all.push_back(package);
    return all;
}

bool matches_one(const Names& patterns, const std::string& pkgname) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
        return format::Pattern::parse(pattern).matches(pkgname);
    });
}

/// Compares one declared jail with the one that there is.
class Comparison {
  public:
    Comparison(const Context& context, catalog::Catalog& catalog, const Declaration& declaration,
               const catalog::Jail& jail, const std::optional<jail::RenderedRecipe>& recipe, Drift& drift)
        : context_(context), declaration_(declaration), installed_(installed_in(catalog, jail)),
          jail_(installed_.jail), recipe_(recipe), drift_(drift),
          status_(supervise::read_status(context.layout.run(jail.id))) {}

    void run() {
        refuse_other_recipe();
        compare_stop();
        if (network_allows_more()) {
            compare_network();
            compare_limits();
        } else {
            compare_limits();
            compare_network();
        }
        compare_mounts();
        compare_settings();
        compare_packages();
        compare_secrets();
        compare_start();
    }

  private:
    void add(ApplyStep step, std::string why) {
        const bool restarts = step == ApplyStep::network || step == ApplyStep::mounts ||
                              step == ApplyStep::settings || step == ApplyStep::install ||
                              step == ApplyStep::remove;
        drift_.actions.push_back(
            {step, std::move(why), restarts && declaration_.running && is_running(status_)});
    }

    void refuse_other_recipe() const {
        if (declaration_.recipe == jail_.recipe)
            return;
        const auto name = [](const std::string& recipe) {
            return recipe.empty() ? std::string("no recipe") : "recipe " + recipe;
        };
        throw Error(ErrorKind::conflict, jail_.name,
                    fmt::format("has {}, declared is {}, and a jail's recipe cannot be changed",
                                name(jail_.recipe), name(declaration_.recipe)),
                    fmt::format("pkgjail export {0} FILE keeps what it holds; after pkgjail destroy {0} "
                                "apply makes it anew",
                                jail_.name));
    }

    void compare_stop() {
        if (declaration_.recipe.empty() || declaration_.running)
            return;
        if (is_running(status_))
            add(ApplyStep::stop, "it runs, declared is state = stopped");
        else if (jail_.wanted_running)
            add(ApplyStep::stop, "it is meant to run, declared is state = stopped");
    }

    void compare_start() {
        if (!has_service(recipe_) || !declaration_.running)
            return;
        const bool up = status_.state == ServiceState::ready || status_.state == ServiceState::unhealthy;
        if (!up)
            add(ApplyStep::start, "it does not run, declared is state = running");
        else if (!jail_.wanted_running)
            add(ApplyStep::start, "it is not meant to run, declared is state = running");
    }

    void compare_limits() {
        Names why;
        const std::string wanted = template_of(declaration_, recipe_);
        if (wanted != jail_.limits_template) {
            drift_.limits.limits_template = wanted;
            why.push_back(fmt::format("the template is {}, declared is {}", jail_.limits_template, wanted));
        }
        for (const auto& [name, value] : declaration_.limit_overrides) {
            const auto have = jail_.limit_overrides.find(name);
            if (have != jail_.limit_overrides.end() && have->second == value)
                continue;
            drift_.limits.changes[name] = value;
            why.push_back(fmt::format(
                "{} is {}, declared is {}", name,
                have == jail_.limit_overrides.end() ? std::string("the template's") : have->second, value));
        }
        for (const auto& [name, value] : jail_.limit_overrides)
            if (!declaration_.limit_overrides.contains(name)) {
                drift_.limits.changes[name] = "default";
                why.push_back(fmt::format("{} is {}, and nothing is declared", name, value));
            }
        drift_.limits.jail = jail_.name;
        if (!why.empty())
            add(ApplyStep::limits, fmt::format("{}", fmt::join(why, "; ")));
    }

    /// Whether the declared network can have a limit that is refused with the one that there is. Otherwise
    /// the limits come first, since with `require = enforced` a jail might not start with those that it has.
    bool network_allows_more() const {
        if (!recipe_)
            return false;
        const jail::NetworkMode have = rendered_recipe(context_, jail_)->network;
        const auto allows_more = [&](jail::LimitKind kind) {
            return !confine::rate_problem(kind, have).empty() &&
                   confine::rate_problem(kind, recipe_->network).empty();
        };
        return allows_more(jail::LimitKind::net_in) || allows_more(jail::LimitKind::net_out);
    }

    void compare_network() {
        const jail::NetworkChoice& have = jail_.network_choice;
        const jail::NetworkChoice& wanted = declaration_.network;
        Names why;
        const auto compare = [&](const char* key, const std::string& is, const std::string& declared) {
            const auto word = [](const std::string& value) { return value.empty() ? "the recipe's" : value; };
            if (is != declared)
                why.push_back(fmt::format("{} is {}, declared is {}", key, word(is), word(declared)));
        };
        compare("network", have.mode, wanted.mode);
        compare("nat", have.nat, wanted.nat);
        compare("resolv", have.resolv, wanted.resolv);
        compare("publish", fmt::format("{}", fmt::join(have.publish, " ")),
                fmt::format("{}", fmt::join(wanted.publish, " ")));
        if (!why.empty())
            add(ApplyStep::network, fmt::format("{}", fmt::join(why, "; ")));
    }

    void compare_mounts() {
        const jail::MountWords have = mounts_of(jail_);
        Names why;
        compare_list(have.volumes, declaration_.volumes, "volume", why);
        compare_list(have.mounts, declaration_.mounts, "mount", why);
        if (!why.empty())
            add(ApplyStep::mounts, fmt::format("{}", fmt::join(why, "; ")));
    }

    template <class Use>
    static void compare_list(const std::vector<Use>& have, const std::vector<Use>& declared,
                             std::string_view what, Names& why) {
        for (const Use& one : declared)
            if (std::find(have.begin(), have.end(), one) == have.end())
                why.push_back(fmt::format("{} {} is declared and not there", what, one.str()));
        for (const Use& one : have)
            if (std::find(declared.begin(), declared.end(), one) == declared.end())
                why.push_back(fmt::format("{} {} is there and not declared", what, one.str()));
    }

    void compare_settings() {
        if (!recipe_)
            return;
        const auto have = rendered_recipe(context_, jail_)->set;
        Names why;
        for (const auto& [key, value] : recipe_->set)
            if (const auto found = have.find(key); found == have.end() || found->second != value)
                why.push_back(fmt::format("{} is {}, declared is {}", key,
                                          found == have.end() ? "not set" : found->second, value));
        for (const auto& [key, value] : jail_.settings)
            if (!recipe_->set.contains(key))
                why.push_back(fmt::format("{} is {}, which recipe {} does not have any more", key, value,
                                          recipe_->name));
        if (!why.empty())
            add(ApplyStep::settings, fmt::format("{}", fmt::join(why, "; ")));
    }

    void compare_secrets() {
        if (const Names missing = missing_secrets(context_, jail_.id, recipe_); !missing.empty())
            add(ApplyStep::secrets, fmt::format("{} needed and not set", fmt::join(missing, ", ")));
    }

    void compare_packages() {
        const Names wanted = wanted_packages(declaration_, recipe_);
        for (const std::string& pattern : wanted) {
            if (holds(installed_.generation.wishes, pattern))
                continue;
            const format::Pattern wish = format::Pattern::parse(pattern);
            if (std::none_of(installed_.image.packages.begin(), installed_.image.packages.end(),
                             [&](const catalog::ImagePackage& package) {
                                 return !package.automatic && wish.matches(package.pkgname);
                             }))
                drift_.install.push_back(pattern);
        }
        for (const catalog::ImagePackage& package : installed_.image.packages)
            if (!package.automatic && !matches_one(wanted, package.pkgname))
                drift_.remove.push_back(package.pkgname);
        if (!drift_.install.empty())
            add(ApplyStep::install,
                fmt::format("{} declared and not there", fmt::join(drift_.install, ", ")));
        if (!drift_.remove.empty())
            add(ApplyStep::remove, fmt::format("{} there and not declared", fmt::join(drift_.remove, ", ")));
    }

    const Context& context_;
    const Declaration& declaration_;
    const Installed installed_;
    const catalog::Jail& jail_;
    const std::optional<jail::RenderedRecipe>& recipe_;
    Drift& drift_;
    const supervise::ServiceStatus status_;
};

void check_declared_mounts(const Context& context, const Declaration& declaration,
                           const std::optional<jail::RenderedRecipe>& recipe) {
    try {
        check_mounts(context, {declaration.volumes, declaration.mounts},
                     recipe ? recipe->data_paths : std::vector<base::RootPath>{});
    } catch (const Error& error) {
        const bool of_volume =
            std::any_of(declaration.volumes.begin(), declaration.volumes.end(),
                        [&](const jail::VolumeUse& one) { return one.path.str() == error.object(); });
        jail::refuse(declaration, "jail", of_volume ? "volume" : "mount",
                     fmt::format("found {}, which {}", error.object(), error.cause()), {}, error.hint());
    }
}

void check_declared_claims(catalog::Catalog& catalog, const Declaration& declaration,
                           const jail::RenderedRecipe& recipe) {
    catalog::Jail jail;
    jail.name = declaration.name;
    take_claims(jail, recipe);
    check_claims(catalog, jail);
}

/// What stands nowhere else. A present declaration that is wrong has none of it: it may be the very file into
/// which the shell puts what is printed, and which it has emptied before.
void take_from_present(const Context& context, Declaration& declaration) {
    try {
        const auto present =
            jail::find_declaration(jail::declaration_directory(context.config.etc), declaration.name);
        if (!present)
            return;
        declaration.requires_ = present->requires_;
        declaration.autostart = present->autostart;
        declaration.labels = present->labels;
        declaration.secrets = present->secrets;
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::configuration)
            throw;
        context.reporter.warn(fmt::format("{}; what only a declaration says (requires, autostart, label, "
                                          "secret) is not in what is printed",
                                          error.what()));
    }
}

} // namespace

std::string_view apply_step_name(ApplyStep step) {
    switch (step) {
    case ApplyStep::create:
        return "create";
    case ApplyStep::stop:
        return "stop";
    case ApplyStep::limits:
        return "limits";
    case ApplyStep::network:
        return "network";
    case ApplyStep::mounts:
        return "mounts";
    case ApplyStep::settings:
        return "settings";
    case ApplyStep::install:
        return "install";
    case ApplyStep::remove:
        return "remove";
    case ApplyStep::secrets:
        return "secrets";
    case ApplyStep::start:
        return "start";
    case ApplyStep::destroy:
        break;
    }
    return "destroy";
}

Names declared_names(const Context& context) {
    return jail::list_declarations(jail::declaration_directory(context.config.etc));
}

Declaration require_declaration(const Context& context, const std::string& name) {
    auto declaration = jail::find_declaration(jail::declaration_directory(context.config.etc), name);
    if (!declaration) {
        const Names there = declared_names(context);
        throw Error(ErrorKind::not_found, name, "is not declared, there are: " + jail::enumerate(there),
                    fmt::format("pkgjail apply --export {} prints a declaration of a jail", name));
    }
    return std::move(*declaration);
}

std::optional<jail::RenderedRecipe> declared_recipe(const Context& context, const Declaration& declaration) {
    if (declaration.recipe.empty())
        return std::nullopt;
    const Names there = jail::list_recipes(context.config.recipe_directories);
    if (!holds(there, declaration.recipe))
        jail::refuse(declaration, "jail", "recipe", fmt::format("found \"{}\"", declaration.recipe),
                     jail::enumerate(there), jail::did_you_mean(declaration.recipe, there));
    const jail::Recipe recipe = jail::load_recipe(context.config.recipe_directories, declaration.recipe);
    Names keys;
    for (const auto& [key, value] : recipe.set)
        keys.push_back(key);
    for (const auto& [key, value] : declaration.set)
        if (!holds(keys, key))
            jail::refuse(declaration, "set", key,
                         fmt::format("found a value that recipe {} does not have", recipe.name),
                         jail::enumerate(keys), jail::did_you_mean(key, keys));
    std::optional<jail::RenderedRecipe> rendered;
    try {
        rendered = render_recipe(context, declaration.recipe, declaration.name, declaration.set);
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::usage)
            throw;
        blame_value(context, declaration, error);
    }
    jail::choose_network(*rendered, declaration.network, declaration.file.string());
    return rendered;
}

Drift drift_of(const Context& context, catalog::Catalog* catalog, const Declaration& declaration) {
    Drift drift;
    drift.declaration = declaration;
    check_packages(declaration);
    const auto recipe = declared_recipe(context, declaration);
    check_template(context, declaration);
    check_declared_mounts(context, declaration, recipe);
    if (catalog != nullptr && recipe)
        check_declared_claims(*catalog, declaration, *recipe);
    const auto jail = catalog == nullptr ? std::nullopt : catalog::Jails(*catalog).find(declaration.name);
    if (jail) {
        Comparison(context, *catalog, declaration, *jail, recipe, drift).run();
        return drift;
    }
    drift.install = wanted_packages(declaration, recipe);
    drift.actions.push_back(
        {ApplyStep::create,
         fmt::format("there is no jail of this name, declared {} {}{}",
                     drift.install.size() == 1 ? "is" : "are", fmt::join(drift.install, ", "),
                     recipe ? " with recipe " + declaration.recipe : ""),
         false});
    return drift;
}

Declaration declaration_of(const Context& context, const std::string& name) {
    auto catalog = open_for_reading(context);
    if (!catalog)
        throw Error(ErrorKind::not_found, name, "there is no jail of this name",
                    "pkgjail install PACKAGE makes the first one");
    const Installed installed = installed_in(*catalog, name);
    Declaration declaration;
    declaration.name = name;
    declaration.recipe = installed.jail.recipe;
    for (const catalog::ImagePackage& package : installed.image.packages) {
        if (package.automatic)
            continue;
        // As it was asked for, where that is known.
        const auto& wishes = installed.generation.wishes;
        const auto wish = std::find_if(wishes.begin(), wishes.end(), [&](const std::string& one) {
            return format::Pattern::parse(one).matches(package.pkgname);
        });
        const std::string& text = wish == wishes.end() ? package.pkgname : *wish;
        if (!holds(declaration.packages, text))
            declaration.packages.push_back(text);
    }
    declaration.limits = installed.jail.limits_template;
    declaration.limit_overrides = installed.jail.limit_overrides;
    declaration.set = installed.jail.settings;
    declaration.network = installed.jail.network_choice;
    const jail::MountWords mounts = mounts_of(installed.jail);
    declaration.volumes = mounts.volumes;
    declaration.mounts = mounts.mounts;
    declaration.running = installed.jail.wanted_running || installed.jail.recipe.empty();
    take_from_present(context, declaration);
    return declaration;
}

Names jails_to_start(const Context& context) {
    Names names;
    auto catalog = open_for_reading(context);
    if (!catalog)
        return names;
    for (const catalog::Jail& jail : catalog::Jails(*catalog).all()) {
        bool wanted = jail.wanted_running;
        try {
            const auto declaration =
                jail::find_declaration(jail::declaration_directory(context.config.etc), jail.name);
            if (declaration && declaration->autostart)
                wanted = *declaration->autostart;
        } catch (const Error& error) {
            // The start itself fails of it, and then it is this jail's failure alone.
            context.reporter.warn(error.what());
        }
        if (wanted && !jail.recipe.empty())
            names.push_back(jail.name);
    }
    return names;
}

} // namespace pkgjail::ops
