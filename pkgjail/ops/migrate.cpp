#include "pkgjail/ops/migrate.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/base/mounts.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/format/pattern.hpp"
#include "pkgjail/format/pkgname.hpp"
#include "pkgjail/jail/data_path.hpp"
#include "pkgjail/jail/name.hpp"
#include "pkgjail/jail/sailor.hpp"
#include "pkgjail/jail/suggest.hpp"
#include "pkgjail/ops/installed.hpp"
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

/// Whether it can be nothing but the name of a package: a directory and a ship may hold anything.
bool is_plain_base(const std::string& base) {
    constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.+";
    return !base.empty() && base.find_first_not_of(letters) == std::string::npos && base.front() != '-' &&
           base.front() != '.';
}

/// What pkgin takes: a base, or a pkgname, whose version begins with a digit.
std::string base_of_word(const std::string& word) {
    const std::size_t dash = word.rfind('-');
    const bool versioned = dash != std::string::npos && dash + 1 < word.size() && dash != 0 &&
                           word[dash + 1] >= '0' && word[dash + 1] <= '9' && format::Pkgname::is_valid(word);
    return versioned ? word.substr(0, dash) : word;
}

/// The packages that a pattern of --replace may come to, as far as its text says.
std::vector<There> meant_by(const std::string& wish) {
    if (is_plain_base(wish))
        return {{wish, base_of_word(wish), false}};
    std::vector<There> meant;
    for (const std::string& base : format::Pattern::parse(wish).bases().value_or(std::vector<std::string>{}))
        meant.push_back({base, base, false});
    return meant;
}

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
            else if (package.automatic)
                continue;
            else if (!is_plain_base(package.base)) {
                unnamed_.insert(package.name);
                result_.left.push_back({package.name, "has a name that no package is asked for by",
                                        "--replace NAME=PATTERN takes another one"});
                continue;
            }
            const std::string wish = other == request_.replace.end() ? package.base : other->second;
            check_pattern(wish);
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
        // What --replace took away no recipe is chosen for, but for what comes instead.
        std::vector<There> kept;
        for (const There& package : packages) {
            const auto wish = wishes_.find(package.name);
            if (wish == wishes_.end() || wish->second.empty())
                continue;
            if (request_.replace.count(package.base) == 0)
                kept.push_back(package);
            else
                for (There& meant : meant_by(wish->second))
                    kept.push_back(std::move(meant));
        }
        install_.recipe = !request_.recipe.empty() ? request_.recipe
                                                   : fitting_recipe(context_, kept, services, result_.source);
        install_.without_recipe = install_.recipe.empty();
        install_.set = request_.set;
        install_.network = request_.network;
        install_.start = request_.start;
        install_.only_new = true;
        install_.patterns_only = true; // a word of somebody else's must not become a file
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
            else if (!package.automatic && unnamed_.count(package.name) == 0)
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
    std::set<std::string> unnamed_;             ///< names there that were told already
};

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
    const std::string real_state = std::filesystem::weakly_canonical(state).string();
    for (const store::DataMove& move : moves) {
        const base::HostPath path = request.source / std::string(move.from.relative());
        if (base::lies_below(real_state, std::filesystem::weakly_canonical(path).string()))
            throw Error(ErrorKind::usage, path.string(),
                        fmt::format("holds the state directory, {}, which would be copied into itself",
                                    state.string()),
                        "name the directories below it that are data, each with --data");
    }
    return moves;
}

/// The nearest directory that is there already.
base::HostPath existing(base::HostPath path) {
    while (!std::filesystem::exists(path) && path.has_relative_path())
        path = path.parent_path();
    return path;
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
    std::vector<There> packages;
    for (const std::string& word : ship.packages)
        packages.push_back({word, base_of_word(word), false});
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
