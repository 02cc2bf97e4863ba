#include "pkgjail/ops/inspect.hpp"

#include <fmt/core.h>

#include "pkgjail/base/parallel.hpp"
#include "pkgjail/catalog/volumes.hpp"
#include "pkgjail/ops/installed.hpp"
#include "pkgjail/ops/resolv.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/ops/start_jail.hpp"
#include "pkgjail/ops/vulnerable.hpp"
#include "pkgjail/supervise/state_file.hpp"

namespace pkgjail::ops {

using base::Error;

namespace {

void add_recipe(const Context& context, const jail::RenderedRecipe& recipe, JailView& view) {
    view.requires_ = recipe.requires_;
    view.publish = recipe.publish;
    view.nat = recipe.nat;
    view.resolv = recipe.resolv.str();
    if (recipe.resolv.from != jail::Resolv::From::none)
        view.resolv_file = resolv_words(resolv_owner(context, view.jail));
}

JailView view_of(const Context& context, catalog::Catalog& catalog, KnownImages& images,
                 KnownRecipes& recipes, VulnerabilityCheck& check, const catalog::Jail& jail) {
    JailView view;
    view.jail = jail;
    view.generation =
        catalog::Jails(catalog).generation(jail.id, jail.current).value_or(catalog::Generation{});
    view.image = images.find(view.generation.image_id);
    if (view.image && check.list())
        view.vulnerable = check.count(*view.image);
    view.log = context.layout.log(jail.name);
    for (const catalog::VolumeUseRow& use : jail.volumes)
        for (const catalog::VolumeUser& user : catalog::Volumes(catalog).users(use.volume_id)) {
            std::vector<std::string>& others = view.volumes_shared[use.volume_id];
            if (user.jail != jail.name && (others.empty() || others.back() != user.jail))
                others.push_back(user.jail);
        }
    try {
        const auto recipe = rendered_recipe(context, jail, recipes);
        view.addresses = addresses(recipe, jail.address);
        if (recipe)
            add_recipe(context, *recipe, view);
    } catch (const Error& error) {
        // A recipe that was broken since is told at the next start; what runs is shown all the same.
        context.reporter.warn(std::string("recipe of jail ") + jail.name + ": " + error.what());
    }
    return view;
}

std::vector<JailView> views_of(const Context& context, catalog::Catalog& catalog,
                               const std::vector<std::string>& names) {
    const catalog::ReadTransaction one_state(catalog.database());
    VulnerabilityCheck check(context.config.vulnerabilities, catalog);
    KnownImages images(catalog);
    KnownRecipes recipes(context);
    std::vector<JailView> views;
    if (names.empty())
        for (const catalog::Jail& jail : catalog::Jails(catalog).all())
            views.push_back(view_of(context, catalog, images, recipes, check, jail));
    for (const std::string& name : names)
        views.push_back(view_of(context, catalog, images, recipes, check, require_jail(catalog, name)));
    return views;
}

// The kernel is asked of several jails at once: it takes longer than everything else.

void add_status(const Context& context, std::vector<JailView>& views) {
    base::in_parallel(views.size(), [&](std::size_t i) {
        views[i].status = supervise::read_status(context.layout.run(views[i].jail.id), views[i].state);
    });
}

void measure(const Context& context, const confine::Driver& driver, JailView& view) {
    const std::string handle = jail_handle(view.jail);
    const base::HostPath run = context.layout.run(view.jail.id);
    view.usage = driver.usage(handle, run);
    if (view.jail.network == jail::network_mode_name(jail::NetworkMode::host))
        view.ports = driver.read_ports(handle, run);
}

void add_usage(const Context& context, std::vector<JailView>& views) {
    std::vector<JailView*> running;
    for (JailView& view : views)
        if (is_running(view.status))
            running.push_back(&view);
    if (running.empty())
        return;
    std::vector<std::string> failures(running.size());
    try {
        const auto driver = confine::open_driver(context.layout.state(), context.config.runtime);
        base::in_parallel(running.size(), [&](std::size_t i) {
            try {
                measure(context, *driver, *running[i]);
            } catch (const Error& error) {
                failures[i] = error.what();
            }
        });
    } catch (const Error& error) {
        failures.assign(running.size(), error.what());
    }
    // Everything else about the jail is known without the driver.
    for (std::size_t i = 0; i < running.size(); ++i)
        if (!failures[i].empty() && has_process(running[i]->status))
            context.reporter.warn(fmt::format("usage of jail {}: {}", running[i]->jail.name, failures[i]));
}

} // namespace

std::vector<std::string> jail_names(const Context& context) {
    std::vector<std::string> names;
    if (auto catalog = open_for_reading(context))
        for (const catalog::Jail& jail : catalog::Jails(*catalog).all())
            names.push_back(jail.name);
    return names;
}

std::vector<JailView> jails(const Context& context, const std::vector<std::string>& names,
                            Measured measured) {
    std::vector<JailView> views;
    auto catalog = open_for_reading(context);
    if (!catalog) {
        if (names.empty())
            return views;
        throw Error(base::ErrorKind::not_found, names.front(), "there is no jail of this name",
                    "pkgjail install PACKAGE makes the first one");
    }
    views = views_of(context, *catalog, names);
    add_status(context, views);
    if (measured == Measured::yes)
        add_usage(context, views);
    return views;
}

JailView jail_view(const Context& context, const std::string& name) {
    return jails(context, {name}).front();
}

bool has_process(const supervise::ServiceStatus& status) {
    return status.service && base::is_alive(*status.service);
}

std::string service_package(const JailView& view) {
    std::string chosen;
    if (view.image)
        for (const catalog::ImagePackage& package : view.image->packages) {
            if (package.pkgname.starts_with(view.jail.recipe + "-") && !view.jail.recipe.empty())
                return package.pkgname;
            if (!package.automatic)
                chosen = package.pkgname;
        }
    return chosen;
}

std::vector<JailLog> logs(const Context& context, const std::vector<std::string>& names) {
    auto catalog = open_for_reading(context);
    if (!catalog && !names.empty())
        throw Error(base::ErrorKind::not_found, names.front(), "there is no jail of this name");
    if (!catalog)
        return {};
    std::vector<JailLog> found;
    if (names.empty())
        for (const catalog::Jail& jail : catalog::Jails(*catalog).all())
            found.push_back({jail.name, context.layout.log(jail.name)});
    for (const std::string& name : names)
        found.push_back({name, context.layout.log(require_jail(*catalog, name).name)});
    return found;
}

} // namespace pkgjail::ops
