#include "pkgjail/ops/migrate.hpp"

#include <algorithm>
#include <set>

#include <fmt/core.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/base/look.hpp"
#include "pkgjail/base/mounts.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/format/pkgname.hpp"
#include "pkgjail/jail/data_path.hpp"
#include "pkgjail/jail/name.hpp"
#include "pkgjail/jail/sailor.hpp"
#include "pkgjail/ops/migration.hpp"
#include "pkgjail/ops/recipes.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/store/root.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using base::RootPath;

namespace {

/// Whether the path can be data of the jail, the source be taken, and no two go to one place.
void check_data(const std::vector<store::DataMove>& data, const store::ForeignRoot& from,
                const jail::RenderedRecipe& recipe) {
    std::set<RootPath> targets;
    for (const store::DataMove& move : data) {
        const auto there = from.look(move.from);
        if (!there)
            throw Error(ErrorKind::not_found, from.tree().show(move.from), "there is no such directory",
                        "--data takes a path below the directory that is imported");
        if (!there->is_directory())
            throw Error(ErrorKind::usage, from.tree().show(move.from), "is no directory",
                        "--data takes a directory with all that is in it; copy a file into the jail's data");
        if (!jail::is_data(move.to, recipe))
            throw Error(
                ErrorKind::usage, "--data",
                fmt::format("found \"{}\", allowed: a path below /var (not /var/run), /home or /root, "
                            "or a data path of the recipe",
                            base::printable(move.to.str())),
                fmt::format("--data {}=/var/{}", base::printable(move.from.str()),
                            base::printable(move.from.name())));
        if (!targets.insert(move.to).second)
            throw Error(ErrorKind::usage, "--data",
                        fmt::format("{} is given twice", base::printable(move.to.str())),
                        "one directory goes to one place");
    }
}

/// Where data of the recipe lie there; packages may have been built to keep them below the prefix.
std::optional<RootPath> place_there(const store::ForeignRoot& from, const RootPath& path,
                                    const RootPath& prefix_here) {
    const bool in_prefix = path.is_within(prefix_here);
    const RootPath below = in_prefix ? path.below(prefix_here) : path;
    std::vector<RootPath> places;
    if (!in_prefix)
        places.push_back(path);
    if (in_prefix || path.is_within(RootPath::parse("/var")))
        places.push_back(below.is_root() ? from.prefix_place() : from.prefix_place() / below.relative());
    for (const RootPath& place : places)
        if (const auto there = from.look(place); there && there->is_directory())
            return place;
    return std::nullopt;
}

/// Where the recipe's data lie there, and what the operator named.
std::vector<store::DataMove> data_moves(const Context& context, const MigrateRequest& request,
                                        const store::ForeignRoot& from,
                                        const std::optional<jail::RenderedRecipe>& recipe) {
    check_data(request.data, from, recipe.value_or(jail::RenderedRecipe{}));
    const RootPath prefix = RootPath::parse(context.config.prefix);
    std::vector<store::DataMove> moves;
    for (const RootPath& path : recipe ? recipe->data_paths : std::vector<RootPath>{}) {
        if (std::any_of(request.data.begin(), request.data.end(),
                        [&](const store::DataMove& move) { return path.is_within(move.to); }))
            continue;
        if (const auto there = place_there(from, path, prefix))
            moves.push_back({*there, path});
    }
    moves.insert(moves.end(), request.data.begin(), request.data.end());
    const base::HostPath& state = context.layout.state();
    const std::string real_state = base::real_path(state).string();
    for (const store::DataMove& move : moves) {
        const base::HostPath path = request.source / std::string(move.from.relative());
        if (base::lies_below(real_state, base::real_path(path).string()))
            throw Error(ErrorKind::usage, path.string(),
                        fmt::format("holds the state directory, {}, which would be copied into itself",
                                    state.string()),
                        "name the directories below it that are data, each with --data");
    }
    return moves;
}

/// The nearest directory that is there already.
base::HostPath existing(base::HostPath path) {
    while (!base::exists(path) && path.has_relative_path())
        path = path.parent_path();
    return path;
}

/// Said before anything is read; install() has the last word. An older catalog, which only install() may
/// bring up to date, is left to it.
void refuse_taken_name(const Context& context, const std::string& jail) {
    try {
        auto catalog = open_for_reading(context);
        if (!catalog || !catalog::Jails(*catalog).find(jail))
            return;
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::configuration)
            throw;
        return;
    }
    throw Error(ErrorKind::conflict, jail, "there is a jail of this name",
                "give the jail another name, or destroy that one first");
}

} // namespace

MigrateResult migrate_directory(const Context& context, const MigrateRequest& request) {
    jail::check_name("jail", request.jail);
    refuse_taken_name(context, request.jail);
    const store::ForeignRoot from(request.source, context.config.prefix);
    Migration migration(context, request);
    MigrateResult& result = migration.result();
    result.source = request.source.string();
    std::vector<PackageThere> packages;
    for (const store::ForeignPackage& package : from.packages())
        packages.push_back({package.pkgname, std::string(format::Pkgname::parse(package.pkgname).base()),
                            package.automatic});
    migration.choose(packages, {});
    InstallRequest& install = migration.request();
    install.jail = request.jail;
    std::optional<jail::RenderedRecipe> recipe;
    if (!install.recipe.empty())
        recipe = render_recipe(context, install.recipe, request.jail, request.set);

    store::TakeOver what;
    what.configuration = from.own_configuration(result.left);
    what.data = data_moves(context, request, from, recipe);
    what.prefix = context.config.prefix;
    if (recipe)
        for (const jail::RenderedRecipe::File& file : recipe->files)
            what.of_recipe.push_back(file.path);
    std::vector<RootPath> taken;
    for (const store::DataMove& move : what.data)
        taken.push_back(move.from);
    from.find_rest(taken, result.left);
    if (context.dry_run)
        result.taken = store::measure(from, what, existing(context.layout.state()), result.left);
    else
        install.furnish = [&](const base::Tree& config, const base::Tree& data) {
            context.reporter.doing("take over configuration and data");
            result.taken = store::take_over(from, what, config, data, result.left);
            base::step("import.taken_over");
        };
    migration.install();
    if (from.prefix() != context.config.prefix)
        result.left.push_back(
            {from.prefix(),
             fmt::format("is where its packages were, and here they are in {}", context.config.prefix),
             "look for the old path in the configuration that was taken over: pkgjail config " +
                 request.jail});
    return std::move(result);
}

MigrateResult migrate_sailor(const Context& context, const MigrateRequest& request) {
    if (!request.data.empty())
        throw Error(ErrorKind::usage, "--data", "is for --from dir", "a ship's files: --from dir SHIPPATH");
    const std::string shown = request.source.string();
    const jail::SailorShip ship = jail::read_sailor(base::read_file(request.source, 1u << 20), shown);
    if (ship.packages.empty())
        throw Error(ErrorKind::not_found, shown, "the ship has no packages",
                    "a jail is made of packages; what runs from the system alone needs none of pkgjail");
    Migration migration(context, request);
    MigrateResult& result = migration.result();
    result.source = shown;
    std::vector<PackageThere> packages;
    for (const std::string& word : ship.packages)
        packages.push_back({word, base_of_word(word), false});
    migration.choose(packages, ship.services);
    InstallRequest& install = migration.request();
    install.jail = !request.jail.empty() ? request.jail : ship.name;
    if (install.jail.empty())
        throw Error(ErrorKind::usage, shown, "the ship has no shipname, and no jail is named",
                    "pkgjail import --from sailor CONF JAIL");
    jail::check_name("jail", install.jail);
    refuse_taken_name(context, install.jail);
    if (!install.recipe.empty()) // a wrong one is told before it could be taken for a package that is missing
        render_recipe(context, install.recipe, install.jail, request.set);
    for (const std::string& service : ship.services) {
        std::string name = service;
        std::replace(name.begin(), name.end(), '_', '-');
        if (name != install.recipe)
            result.left.push_back(
                {"services=" + service,
                 install.recipe.empty() ? "has no recipe of its name, so the jail runs nothing"
                                        : "is not what recipe " + install.recipe + " runs",
                 install.recipe.empty() ? "pkgjail recipe show --from-package PACKAGE is the beginning of one"
                                        : "see that the recipe runs it, or make a jail of its own for it"});
    }
    for (const jail::SailorShip::Note& note : ship.notes)
        result.left.push_back(
            {fmt::format("line {}: {}", note.line, note.what), "is not taken over", note.remedy});
    migration.install();
    return std::move(result);
}

} // namespace pkgjail::ops
