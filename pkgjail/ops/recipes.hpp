// `pkgjail recipe`: which recipes there are, what one comes to, whether one is good, and the beginning of one
// for a package that has none. Nothing here changes anything.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pkgjail/base/error.hpp"
#include "pkgjail/catalog/catalog.hpp"
#include "pkgjail/jail/limit.hpp"
#include "pkgjail/jail/preparation.hpp"
#include "pkgjail/jail/recipe.hpp"
#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

struct ListedRecipe {
    std::string name;
    base::HostPath file;
    std::string summary;
    std::vector<std::string> packages; ///< patterns, with the defaults of its values
    std::vector<std::string> jails;    ///< that have it
    std::optional<base::Error> error;  ///< it cannot be read; summary and packages are then empty
};
/// By name; of several files of one name the one that counts. Warns of files that nothing reads because of
/// their names.
std::vector<ListedRecipe> list_recipes(const Context& context);

struct ShownRecipe {
    jail::RenderedRecipe recipe;
    std::optional<jail::Preparation> prepare;
    base::HostPath file;
    jail::Limits limits;
};
/// As a jail of this name would have it. Throws as installing would.
ShownRecipe show_recipe(const Context& context, const std::string& name, const std::string& jail,
                        const std::map<std::string, std::string>& set);

/// Something in a recipe that is wrong, or would not work.
struct RecipeFinding {
    std::string where; ///< "FILE:LINE: KEY"
    std::string cause;
    std::string hint; ///< may be empty
};
struct CheckedRecipe {
    std::string name;
    base::HostPath file;
    std::vector<RecipeFinding> findings;
    std::vector<std::string> notes; ///< what could not be checked, and why
};
/// A recipe by its name, or a file (with "/" in it, or ending in ".recipe"). What is wrong with its content
/// is a finding; Error{not_found} where there is no such recipe.
CheckedRecipe check_recipe(const Context& context, const std::string& name_or_file);

struct GeneratedRecipe {
    std::string pkgname;
    std::string script; ///< the rc.d script that it was made from, as the jail sees it
    std::string text;   ///< a recipe
};
/// From the rc.d script of an installed package: a name or a pattern. Error{not_found} where no image has the
/// package, or the package no such script.
GeneratedRecipe recipe_from_package(const Context& context, const std::string& package);

/// "foo-1.2 has no recipe; …" for a jail that was made without one, when the package's rc.d script names a
/// service; else empty.
std::string advice_without_recipe(const Context& context, catalog::Catalog& catalog,
                                  const std::string& package, const std::string& jail);

} // namespace pkgjail::ops
