// A jail's /etc/resolv.conf. pkgjail writes it at each start, if the jail is to have one and nobody else has
// changed the file since: the first line of what pkgjail writes holds a digest of the rest, so a file tells
// by itself whose it is, wherever it is copied.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/jail/recipe.hpp"
#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

/// `content` with the line before it that makes it pkgjail's.
std::string resolv_text(const jail::Resolv& resolv, std::string_view content);
/// Whether the text is as resolv_text made it.
bool is_our_resolv(std::string_view text);

/// Whose the file is.
enum class ResolvOwner {
    nobody,   ///< there is none
    pkgjail,  ///< as it was written last
    operator_ ///< of somebody else, or changed since
};
std::string_view resolv_words(ResolvOwner owner); ///< "written by pkgjail at each start"
ResolvOwner resolv_owner(const Context& context, const catalog::Jail& jail);

/// Brings the file of the jail's current configuration up to date. Writes only what differs, in one step; for
/// `none` it removes what pkgjail wrote before. An operator's file is left alone; that is warned of where
/// something else was to be written. So is a host without a resolv.conf, and one that leads a private network
/// to a name server on the host's loopback, which that does not reach.
void write_resolv(const Context& context, const catalog::Jail& jail, const jail::RenderedRecipe& recipe);

} // namespace pkgjail::ops
