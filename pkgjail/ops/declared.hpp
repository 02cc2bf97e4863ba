// Declared jails (jails.d) beside those that there are: what is different, and what `pkgjail apply` would do
// about it. Looks only.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/catalog/catalog.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/jail/declaration.hpp"
#include "pkgjail/jail/recipe.hpp"
#include "pkgjail/ops/context.hpp"
#include "pkgjail/ops/limits.hpp"

namespace pkgjail::ops {

/// In the order in which they are done; `network` before `limits` where it makes one of them possible.
enum class ApplyStep {
    create,   ///< with everything that is declared, and started if it is to run
    stop,     ///< before the others, so that they need no restart
    limits,   ///< at once, without a restart
    network,  ///< one restart where it runs
    mounts,   ///< volumes and host mounts; one restart where it runs
    settings, ///< a new generation on the same image; one restart where it runs
    install,  ///< packages in; one restart where it runs
    remove,   ///< packages out; one restart where it runs
    secrets,  ///< cannot be done: somebody has to set them
    start,
    destroy, ///< of a jail that no file declares; its data stays
};
std::string_view apply_step_name(ApplyStep step); ///< "create", "limits", …

struct ApplyAction {
    ApplyStep step = ApplyStep::create;
    std::string why;      ///< "memory is 64M, declared is 128M"
    bool restart = false; ///< of a service that runs
};

/// What is different about one declared jail. Without actions: nothing.
struct Drift {
    jail::Declaration declaration;
    std::vector<ApplyAction> actions;
    LimitsRequest limits;             ///< for ApplyStep::limits
    std::vector<std::string> install; ///< for create and install
    std::vector<std::string> remove;  ///< pkgnames
};

/// The declared names; see jail::list_declarations.
std::vector<std::string> declared_names(const Context& context);
/// The declaration of this name; Error{not_found} lists those there are.
jail::Declaration require_declaration(const Context& context, const std::string& name);
/// The declared jail's recipe with its values put in; nullopt without one. Error{configuration} with the
/// place in the declaration for what recipe and declaration do not agree in.
std::optional<jail::RenderedRecipe> declared_recipe(const Context& context,
                                                    const jail::Declaration& declaration);
/// `catalog` null: there is no state yet. Error{conflict} for what cannot be changed in a jail that exists.
Drift drift_of(const Context& context, catalog::Catalog* catalog, const jail::Declaration& declaration);

/// A jail as it is, as a declaration that finds no drift in it; requirements, labels and autostart are those
/// of the jail's present declaration, because they stand nowhere else. Error{not_found}.
jail::Declaration declaration_of(const Context& context, const std::string& jail);

/// Jails to start with the host: those with a service that are meant to run and those that are declared with
/// autostart, without those that are declared without it.
std::vector<std::string> jails_to_start(const Context& context);

} // namespace pkgjail::ops
