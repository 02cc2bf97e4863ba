#include "pkgjail/ops/migrate.hpp"

#include <algorithm>
#include <set>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/format/pattern.hpp"
#include "pkgjail/format/pkgname.hpp"
#include "pkgjail/jail/name.hpp"
#include "pkgjail/jail/sailor.hpp"
#include "pkgjail/jail/suggest.hpp"
#include "pkgjail/ops/recipes.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/store/root.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using base::RootPath;

namespace {

/// A package as it is called there: a pkgname, or a ship's word, which may be a base.
struct There {
    std::string name;
    std::string base;
    bool automatic = false;
};

std::string recipe_hint(const std::vector<std::string>& names) {
    return fmt::format("--recipe {}; a jail runs one, so make another jail for each of the others",
                       fmt::join(names, " or --recipe "));
}

/// The recipe that the packages are for: of a name of theirs, else one whose packages they are.
std::string fitting_recipe(const Context& context, const std::vector<There>& packages,
                           const std::vector<std::string>& services, const std::string& source) {
    const std::vector<ListedRecipe> recipes = list_recipes(context);
    std::vector<std::string> by_name;
    std::vector<std::string> by_package;
    for (const ListedRecipe& recipe : recipes) {
        const auto is_called = [&](std::string name) {
            std::replace(name.begin(), name.end(), '_', '-');
            std::string own = recipe.name;
            std::replace(own.begin(), own.end(), '_', '-');
            return name == own;
        };
        const auto is_meant = [&](const There& package) {
            return !package.automatic && is_called(package.base);
        };
        if (std::any_of(services.begin(), services.end(), is_called) ||
            (services.empty() && std::any_of(packages.begin(), packages.end(), is_meant)))
            by_name.push_back(recipe.name);
        const auto has = [&](const std::string& pattern) {
            const format::Pattern wanted = format::Pattern::parse(pattern);
            return std::any_of(packages.begin(), packages.end(), [&](const There& package) {
                if (package.automatic)
                    return false;
                if (package.name != package.base)
                    return wanted.selects(package.name);
                const auto bases = wanted.bases(); // "*" has none
                return bases && std::find(bases->begin(), bases->end(), package.base) != bases->end();
            });
        };
        if (!recipe.error && !recipe.packages.empty() && recipe.packages.front() != "*" &&
            std::all_of(recipe.packages.begin(), recipe.packages.end(), has))
            by_package.push_back(recipe.name);
    }
    const std::vector<std::string>& fit = by_name.empty() ? by_package : by_name;
    if (fit.size() > 1)
        throw Error(ErrorKind::conflict, source, fmt::format("several recipes fit: {}", jail::enumerate(fit)),
                    recipe_hint(fit));
    return fit.empty() ? "" : fit.front();
}

/// The words of a refusal stay, and what helps here is the hint.
[[noreturn]] void throw_with_replacement(const Error& error, const std::string& source) {
    throw Error(
        error.kind(), source, fmt::format("{}: {}", error.object(), error.cause()),
        "--replace NAME=PATTERN takes another package for one that is not offered, and --replace NAME= "
        "none");
}

/// What both kinds have in common: which packages, which recipe, and the install.
class Migration {
  public:
    Migration(const Context& context, const MigrateRequest& request) : context_(context), request_(request) {}

    void choose(const std::vector<There>& packages, const std::vector<std::string>& services) {
        std::set<std::string> used;
        for (const There& package : packages) {
            const auto other = request_.replace.find(package.base);
            if (other != request_.replace.end())
                used.insert(package.base);
            if (package.automatic && other == request_.replace.end())
                continue;
            const std::string wish = other == request_.replace.end() ? package.base : other->second;
            wishes_[package.name] = wish;
            if (!wish.empty() && std::find(install_.packages.begin(), install_.packages.end(), wish) ==
                                     install_.packages.end())
                install_.packages.push_back(wish);
        }
        for (const auto& [base, pattern] : request_.replace)
            if (used.count(base) == 0)
                throw Error(ErrorKind::not_found, base, fmt::format("is no package of {}", result_.source),
                            "--replace takes a name without its version");
        if (install_.packages.empty())
            throw Error(ErrorKind::not_found, result_.source, "there is no package to be installed",
                        "an empty jail is of no use; install what is to be in it");
        std::vector<There> kept;
        for (const There& package : packages)
            if (const auto wish = wishes_.find(package.name); wish != wishes_.end() && !wish->second.empty())
                kept.push_back(package);
        install_.recipe = !request_.recipe.empty() ? request_.recipe
                                                   : fitting_recipe(context_, kept, services, result_.source);
        install_.without_recipe = install_.recipe.empty();
        install_.set = request_.set;
        install_.network = request_.network;
        install_.start = request_.start;
        install_.only_new = true;
        packages_ = packages;
    }

    void install() {
        try {
            result_.install = ops::install(context_, install_);
        } catch (const Error& error) {
            if (error.kind() == ErrorKind::unsolvable ||
                (error.kind() == ErrorKind::not_found && asked_for(error.object())))
                throw_with_replacement(error, result_.source);
            if (error.kind() == ErrorKind::unhealthy) // the jail is made, and its service does not run
                tell_what_was_done();
            throw;
        }
        const auto& plan = result_.install.plan.result;
        for (const There& package : packages_) {
            MigratedPackage migrated{package.name, package.automatic, ""};
            const auto wish = wishes_.find(package.name);
            const auto has = [&](const auto& member) {
                const std::string& here = member.package.pkgname;
                if (wish == wishes_.end())
                    return format::Pkgname::parse(here).base() == package.base;
                return !wish->second.empty() && format::Pattern::parse(wish->second).selects(here);
            };
            const auto found = std::find_if(plan.begin(), plan.end(), has);
            if (found != plan.end())
                migrated.here = found->package.pkgname;
            else if (!package.automatic)
                result_.left.push_back({package.name, "is not installed, as --replace says", ""});
            result_.packages.push_back(std::move(migrated));
        }
    }

    InstallRequest& request() { return install_; }
    MigrateResult& result() { return result_; }

  private:
    void tell_what_was_done() const {
        for (const store::Taken& taken : result_.taken)
            context_.reporter.warn("taken over: " + taken.to);
        for (const store::LeftBehind& left : result_.left)
            context_.reporter.warn(fmt::format("left: {}: {}{}{}", left.path, left.why,
                                               left.remedy.empty() ? "" : "; ", left.remedy));
    }

    /// Whether an error is about what the solver was asked.
    bool asked_for(const std::string& object) const { return object.starts_with(install_.packages.front()); }

    const Context& context_;
    const MigrateRequest& request_;
    InstallRequest install_;
    MigrateResult result_;
    std::vector<There> packages_;
    std::map<std::string, std::string> wishes_; ///< name there → pattern
};

/// Where the recipe's data lie there, and what the operator named.
std::vector<store::DataMove> data_moves(const Context& context, const MigrateRequest& request,
                                        const store::ForeignRoot& from,
                                        const std::optional<jail::RenderedRecipe>& recipe) {
    std::vector<store::DataMove> moves = request.data;
    const std::string& prefix = context.config.prefix;
    const std::vector<RootPath> ours = recipe ? recipe->data_paths : std::vector<RootPath>{};
    for (const store::DataMove& move : moves) {
        if (!from.tree().exists(move.from))
            throw Error(ErrorKind::not_found, from.tree().show(move.from), "there is no such directory",
                        "--data takes a path below the directory that is imported");
        const bool fits = std::any_of(ours.begin(), ours.end(),
                                      [&](const RootPath& path) { return move.to.is_within(path); });
        const auto below = [&](const char* top) {
            return move.to.is_within(RootPath::parse(top)) && move.to != RootPath::parse(top);
        };
        if (!fits && !below("/var") && !below("/home") && !below("/root"))
            throw Error(
                ErrorKind::usage, "--data",
                fmt::format("found \"{}\", allowed: a path below /var, /home or /root, or a data path of "
                            "the recipe",
                            base::printable(move.to.str())),
                fmt::format("--data {}=/var/{}", base::printable(move.from.str()),
                            base::printable(move.from.name())));
    }
    for (const RootPath& path : ours) {
        if (std::any_of(moves.begin(), moves.end(),
                        [&](const store::DataMove& move) { return path.is_within(move.to); }))
            continue;
        store::DataMove move{path, path};
        const RootPath here = RootPath::parse(prefix);
        if (path.is_within(here))
            move.from =
                path == here ? from.prefix_place() : from.prefix_place() / path.below(here).relative();
        const auto there = from.tree().stat(move.from);
        if (there && there->is_directory())
            moves.push_back(move);
    }
    for (const store::DataMove& move : moves) {
        const auto path = (request.source / move.from.relative()).lexically_normal();
        const base::HostPath& state = context.layout.state();
        if (std::mismatch(path.begin(), path.end(), state.begin(), state.end()).first == path.end())
            throw Error(ErrorKind::usage, path.string(),
                        fmt::format("holds the state directory, {}, which would be copied into itself",
                                    state.string()),
                        "name the directories below it that are data, each with --data");
    }
    return moves;
}

} // namespace

MigrateResult migrate_directory(const Context& context, const MigrateRequest& request) {
    jail::check_name("jail", request.jail);
    const store::ForeignRoot from(request.source, context.config.prefix);
    Migration migration(context, request);
    MigrateResult& result = migration.result();
    result.source = request.source.string();
    std::vector<There> packages;
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
        result.taken = store::measure(from, what);
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
    std::vector<There> packages;
    for (const std::string& word : ship.packages) {
        // A ship's words are what pkgin takes: a base, or a pkgname.
        const std::size_t dash = word.rfind('-');
        const bool versioned = dash != std::string::npos && dash + 1 < word.size() && dash != 0 &&
                               word[dash + 1] >= '0' && word[dash + 1] <= '9' &&
                               format::Pkgname::is_valid(word);
        packages.push_back({word, versioned ? word.substr(0, dash) : word, false});
    }
    migration.choose(packages, ship.services);
    InstallRequest& install = migration.request();
    install.jail = !request.jail.empty() ? request.jail : ship.name;
    if (install.jail.empty())
        throw Error(ErrorKind::usage, shown, "the ship has no shipname, and no jail is named",
                    "pkgjail import --from sailor CONF JAIL");
    jail::check_name("jail", install.jail);
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
