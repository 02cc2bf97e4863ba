// A jail's network as the operator chooses it, for a jail that exists.
#pragma once

#include <string>

#include "pkgjail/jail/network.hpp"
#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

/// Makes `choice` all that the operator says of the jail's network. One restart where it runs; when it does
/// not get ready with it, what was chosen before comes back and Error{unhealthy} says why. Error{conflict}
/// for a jail without a recipe and for a port that is taken, before anything is changed.
void change_network(const Context& context, const std::string& jail, const jail::NetworkChoice& choice);

} // namespace pkgjail::ops
