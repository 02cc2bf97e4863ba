// A jail's network as the operator chooses it, for a jail that exists.
#pragma once

#include <optional>
#include <string>

#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/confine/spec.hpp"
#include "pkgjail/jail/recipe.hpp"
#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

/// Makes `choice` all that the operator says of the jail's network. One restart where it runs; when it does
/// not get ready with it, what was chosen before comes back and Error{unhealthy} says why. Error{conflict}
/// for a jail without a recipe and for a port that is taken, before anything is changed.
void change_network(const Context& context, const std::string& jail, const jail::NetworkChoice& choice);

/// Gives the jail an address of the pool where its network is to be private and it has none there, and takes
/// it away where it is not. True: jail.address was changed, and is the caller's to put into the catalog.
/// Error{conflict}: none is free. Error{denied} or {configuration}: this host can give it no such network.
bool settle_address(const Context& context, catalog::Catalog& catalog, catalog::Jail& jail,
                    const std::optional<jail::RenderedRecipe>& recipe);

/// For confine; nullopt unless its network is private. The jail has its address.
std::optional<confine::PrivateNetwork> private_network(const Context& context, const catalog::Jail& jail,
                                                       const std::optional<jail::RenderedRecipe>& recipe);

/// Takes down what is left in the kernel of private networks whose jails have ended, with all of their
/// processes, while nobody looked. The caller holds the store lock alone, so no jail is being started.
void sweep_networks(const Context& context);

} // namespace pkgjail::ops
