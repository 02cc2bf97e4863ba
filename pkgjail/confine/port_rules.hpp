// What the packet filter of Linux has to do for a private network: lead published ports in, give outgoing
// packets the host's address, and keep in what is not to go out. One table of nftables a jail, so that
// nobody's rules are touched but ours and a whole jail's go with one word.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/confine/spec.hpp"

namespace pkgjail::confine {

/// "pkgjail_0123456789ab" for the jail whose interface is "pj-0123456789ab".
std::string table_name(std::string_view interface);

/// Whether the jail's network needs rules at all.
bool needs_rules(const PrivateNetwork& network);
/// For `nft -f -`: the jail's table, in place of one that is there. Pure.
std::string port_rules(const std::string& interface, const PrivateNetwork& network);

/// Puts them into the kernel, by nft(8). Error{denied} where there is no nft, or what it says.
void load_rules(const std::string& jail, const std::string& rules);
/// Takes the jail's table away, without nft. None there: nothing done.
void remove_rules(const std::string& interface);

} // namespace pkgjail::confine
