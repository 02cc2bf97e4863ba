// Network interfaces by rtnetlink(7): a pair of virtual ones, addresses, routes, what went through, and the
// rate that one is held to. Linux only. Every function throws Error{denied} where the kernel says that we may
// not, else Error{system}, with the interface as object.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/base/fd.hpp"
#include "pkgjail/confine/netlink.hpp"

namespace pkgjail::confine {

struct Link {
    int index = 0;
    std::string name;
    std::string alias;            ///< for people: "pkgjail-0123456789abcdef"
    std::uint64_t sent_bytes = 0; ///< out of this interface, since it was made
    std::uint64_t received_bytes = 0;
};
std::optional<Link> find_link(Netlink& net, const std::string& name);

/// A pair: `name` in the namespace of `net`, `inner_name` in `inner`. Both are down.
void make_pair(Netlink& net, const std::string& name, const std::string& alias, const base::Fd& inner,
               const std::string& inner_name);
/// With its other end, wherever that is. None of this name: nothing done.
void remove_link(Netlink& net, const std::string& name);
void bring_link_up(Netlink& net, const Link& link);
/// Our address and the one at the other end, each alone: the kernel adds the route to the peer.
void add_peer_address(Netlink& net, const Link& link, const std::string& local, const std::string& peer);
/// To a network ("10.77.0.0/24", "0.0.0.0/0") by way of a gateway on this interface.
void add_route(Netlink& net, const Link& link, const std::string& network, const std::string& gateway);

/// Holds what goes out of the interface to so many bytes a second (sch_tbf); unset: to nothing.
void set_link_rate(Netlink& net, const Link& link, std::optional<std::uint64_t> bytes_per_second);
/// What the kernel holds it to.
std::optional<std::uint64_t> link_rate(Netlink& net, const Link& link);

} // namespace pkgjail::confine
