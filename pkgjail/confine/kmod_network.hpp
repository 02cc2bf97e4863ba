// What NetBSD's packet filter and traffic shaper have to be told of a jail. Both belong to the operator,
// whose files are read here and never written: the lines are put beside the jail, to be taken over. Pure
// functions.
//
// They tell packets by address, so only a jail whose claims all name addresses can be told apart. Which
// address an outgoing connection has is the jail's choice among its own and the kernel's routing; so this
// shapes and filters services, and is no wall. ALTQ delays what goes out; nothing delays what comes in.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pkgjail/base/error.hpp"
#include "pkgjail/confine/spec.hpp"

namespace pkgjail::confine {

/// The part of altq.conf(5) that a jail's class hangs on: an interface with cbq, and its root class.
struct AltqPlace {
    std::string interface;
    std::string root_class;
};
/// The first such pair in the text of an altq.conf.
std::optional<AltqPlace> find_altq_place(const std::string& altq_conf);

/// Addresses of the jail's own, in the order of its claims; none when one claim is on any address.
std::vector<std::string> own_addresses(const JailSpec& spec);

/// Rules for the dynamic ruleset "pkgjail" of npf.conf(5), a line each, for `npfctl rule pkgjail add`: what
/// the jail claims may come in to its addresses and nothing else; without network nothing goes in or out.
/// Empty without addresses.
std::string npf_rules(const JailSpec& spec);

/// Lines for altq.conf(5): a class with the jail's net-out, and filters that put its packets there. Empty
/// without addresses or without the limit.
std::string altq_lines(const JailSpec& spec, const AltqPlace& place);

/// net-out as it is in force: advisory when the operator's altq.conf has every one of the jail's lines, else
/// unavailable, with the reason. `file` is where the lines are to be found.
jail::LimitReading net_out_reading(const JailSpec& spec, std::uint64_t wanted,
                                   const std::optional<std::string>& altq_conf, const std::string& file);

/// Why a jail gets no network of its own here, and what to use in its place.
base::Error no_private_network(const std::string& jail);

} // namespace pkgjail::confine
