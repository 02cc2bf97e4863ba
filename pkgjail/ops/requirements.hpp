// Which jail requires which (`requires` in recipes), and the orders that follow from it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "pkgjail/base/error.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/jail/recipe.hpp"
#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

/// Plain values: jails by name and what each of them requires.
class Requirements {
  public:
    using Names = std::vector<std::string>;

    void add(const std::string& jail, Names required);
    /// A jail whose recipe cannot be read, so nobody knows what it requires.
    void add_unreadable(const std::string& jail, const base::Error& why);

    /// What the jail itself requires, as its recipe has it.
    const Names& of(const std::string& jail) const;
    /// Who requires it directly.
    Names required_by(const std::string& jail) const;

    /// The jail last, before it everything that it requires, directly or not, each after what that requires.
    /// Error{not_found} names a required jail that there is not and who requires it; Error{configuration}
    /// prints the path of a cycle; and what made a recipe unreadable.
    Names start_order(const std::string& jail) const;
    /// Everybody who requires it, directly or not, without itself: each before what it requires, so the order
    /// in which they are stopped. Never fails: a jail can be stopped whatever became of the recipes.
    Names dependents(const std::string& jail) const;
    /// `jails` such that each comes after those of them that it requires. Never fails either.
    Names sorted(const Names& jails) const;

  private:
    struct Walk;
    void visit(const std::string& jail, Walk& walk) const;

    std::map<std::string, Names> required_;
    std::map<std::string, base::Error> unreadable_;
};

/// Of all jails in the catalog. A jail whose recipe cannot be read is warned of.
Requirements read_requirements(const Context& context, catalog::Catalog& catalog);

/// Before a jail is made: Error{configuration} where its recipe would close a cycle, and, when it is to be
/// started, Error{not_found} where it requires a jail that there is not.
void check_requirements(const Context& context, catalog::Catalog& catalog, const std::string& jail,
                        const jail::RenderedRecipe& recipe, bool to_be_started);

} // namespace pkgjail::ops
