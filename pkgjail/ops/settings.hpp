// Other values for the recipe of a jail that exists: a new generation on the same image, with the recipe's
// files rendered anew and merged like an upgrade's.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/jail/recipe.hpp"
#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

/// Makes `settings` all that the jail has. One restart where it runs; when it does not get ready with them,
/// the configuration and the settings of before come back and Error{unhealthy} says why. What the operator
/// edited in the recipe's files stays, and is a conflict where the new values would change it.
void change_settings(const Context& context, const std::string& jail,
                     const std::map<std::string, std::string>& settings);

/// The jail's network mode is its recipe's, rendered with its settings and what the operator chose, and its
/// claims are the ports of the host that it takes: those that the recipe claims in the host's network, or
/// those that are published from a private one.
void take_claims(catalog::Jail& jail, const jail::RenderedRecipe& recipe);

/// Of a jail that is made from another one's: `set` and `network` are over what that had, and what it claims
/// is as they say. Returns its recipe. What that does not have any more of the other one's values is left
/// out, with a warning; of what is asked for now it is Error{usage}, as anything is where there is no recipe.
/// `source` stands for the other one in that message.
std::optional<jail::RenderedRecipe> settle_copy(const Context& context, catalog::Jail& jail,
                                                const std::map<std::string, std::string>& set,
                                                const jail::NetworkChoice& network,
                                                const std::string& source);

} // namespace pkgjail::ops
