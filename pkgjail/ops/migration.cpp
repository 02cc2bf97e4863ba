#include "pkgjail/ops/migration.hpp"

#include <algorithm>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "pkgjail/format/pattern.hpp"
#include "pkgjail/format/pkgname.hpp"
#include "pkgjail/jail/suggest.hpp"
#include "pkgjail/ops/installed.hpp"
#include "pkgjail/ops/recipes.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

std::string base_of_word(const std::string& word) {
    const std::size_t dash = word.rfind('-');
    const bool versioned = dash != std::string::npos && dash + 1 < word.size() && dash != 0 &&
                           word[dash + 1] >= '0' && word[dash + 1] <= '9' && format::Pkgname::is_valid(word);
    return versioned ? word.substr(0, dash) : word;
}

namespace {

/// Whether it can be nothing but the name of a package: a directory and a ship may hold anything.
bool is_plain_base(const std::string& base) {
    constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.+";
    return !base.empty() && base.find_first_not_of(letters) == std::string::npos && base.front() != '-' &&
           base.front() != '.';
}

/// The packages that a pattern of --replace may come to, as far as its text says.
std::vector<PackageThere> meant_by(const std::string& wish) {
    if (is_plain_base(wish))
        return {{wish, base_of_word(wish), false}};
    std::vector<PackageThere> meant;
    for (const std::string& base : format::Pattern::parse(wish).bases().value_or(std::vector<std::string>{}))
        meant.push_back({base, base, false});
    return meant;
}

std::string recipe_hint(const std::vector<std::string>& names) {
    return fmt::format("--recipe {}; a jail runs one, so make another jail for each of the others",
                       fmt::join(names, " or --recipe "));
}

/// The recipe that the packages are for: of a name of theirs, else one whose packages they are.
std::string fitting_recipe(const Context& context, const std::vector<PackageThere>& packages,
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
        const auto is_meant = [&](const PackageThere& package) {
            return !package.automatic && is_called(package.base);
        };
        if (std::any_of(services.begin(), services.end(), is_called) ||
            (services.empty() && std::any_of(packages.begin(), packages.end(), is_meant)))
            by_name.push_back(recipe.name);
        const auto has = [&](const std::string& pattern) {
            const format::Pattern wanted = format::Pattern::parse(pattern);
            return std::any_of(packages.begin(), packages.end(), [&](const PackageThere& package) {
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

} // namespace

void Migration::choose(const std::vector<PackageThere>& packages, const std::vector<std::string>& services) {
    std::set<std::string> used;
    for (const PackageThere& package : packages) {
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
        if (!wish.empty() &&
            std::find(install_.packages.begin(), install_.packages.end(), wish) == install_.packages.end())
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
    std::vector<PackageThere> kept;
    for (const PackageThere& package : packages) {
        const auto wish = wishes_.find(package.name);
        if (wish == wishes_.end() || wish->second.empty())
            continue;
        if (request_.replace.count(package.base) == 0)
            kept.push_back(package);
        else
            for (PackageThere& meant : meant_by(wish->second))
                kept.push_back(std::move(meant));
    }
    install_.recipe =
        !request_.recipe.empty() ? request_.recipe : fitting_recipe(context_, kept, services, result_.source);
    install_.without_recipe = install_.recipe.empty();
    install_.set = request_.set;
    install_.network = request_.network;
    install_.start = request_.start;
    install_.only_new = true;
    install_.patterns_only = true; // a word of somebody else's must not become a file
    packages_ = packages;
}

void Migration::install() {
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
    for (const PackageThere& package : packages_) {
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

void Migration::tell_what_was_done() const {
    for (const store::Taken& taken : result_.taken)
        context_.reporter.warn("taken over: " + taken.to);
    for (const store::LeftBehind& left : result_.left)
        context_.reporter.warn(fmt::format("left: {}: {}{}{}", left.path, left.why,
                                           left.remedy.empty() ? "" : "; ", left.remedy));
}

bool Migration::asked_for(const std::string& object) const {
    return object.starts_with(install_.packages.front());
}

} // namespace pkgjail::ops
