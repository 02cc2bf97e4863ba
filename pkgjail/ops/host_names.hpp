// Names of other jails in a jail's /etc/hosts. pkgjail owns a marked block in it; the rest is the operator's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/catalog/catalog.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/jail/recipe.hpp"
#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

/// Under which addresses a jail is found by another one with network mode `from`: its own in a private
/// network; in the host's network each that it claims a port at, in order, each once. A claim of any address
/// is found at the loopback's by those who share it, and at `gateway` from a private network, which has a
/// route to no other address of the host's. Empty: it is not reached.
std::vector<std::string> addresses_of(const catalog::Jail& jail, jail::NetworkMode from,
                                      const std::string& gateway);

/// `hosts` with exactly these lines in the block, at the place where the block was, else at the end; without
/// lines there is no block. Everything else stays as it is, to the byte. A block that has lost its end is
/// text like any other.
std::string with_block(std::string_view hosts, const std::vector<std::string>& lines);

/// Brings the block of the jail's current configuration up to date: a line for each address of each jail that
/// it requires. Writes only what differs, in one step. A file that is a link, no file, or larger than 1 MiB
/// is left alone, and that is warned of.
void write_host_names(const Context& context, catalog::Catalog& catalog, const catalog::Jail& jail,
                      const jail::RenderedRecipe& recipe);

} // namespace pkgjail::ops
