// A jail's network beyond its mode and its claims: published ports, name servers, and what the operator says
// over the recipe. Plain values; making them true is confine/'s and ops/'s.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/jail/config_file.hpp"

namespace pkgjail::jail {

struct RenderedRecipe;

/// A port of the host that leads to one of a jail with a private network: "tcp:8080:80",
/// "udp:192.0.2.1:5353:53".
struct PublishedPort {
    std::string protocol; ///< "tcp" or "udp"
    std::string address;  ///< of the host, IPv4; empty: each that it has
    std::uint16_t host_port = 0;
    std::uint16_t jail_port = 0;
    std::string str() const; ///< as parse_published_port reads it
    bool operator==(const PublishedPort&) const = default;
};
/// Throws Error{configuration} at the setting.
PublishedPort parse_published_port(const Setting& setting);

/// What is written into a jail's /etc/resolv.conf.
struct Resolv {
    enum class From {
        none,    ///< nothing
        host,    ///< the content of the host's, as it is at a start
        servers, ///< a line for each of `servers`
    };
    From from = From::none;
    std::vector<std::string> servers; ///< numeric
    std::string str() const;          ///< "host", "servers=192.0.2.1,2001:db8::1"
    bool operator==(const Resolv&) const = default;
};
/// Throws Error{configuration} at the setting.
Resolv parse_resolv(const Setting& setting);

/// What the operator says of one jail in place of its recipe, as written. An empty part leaves it to the
/// recipe; what is published replaces all that the recipe publishes, {"none"} is nothing.
struct NetworkChoice {
    std::string mode;   ///< "host", "none", "private"
    std::string nat;    ///< "yes", "no"
    std::string resolv; ///< as parse_resolv reads it
    std::vector<std::string> publish;
    bool is_empty() const { return mode.empty() && nat.empty() && resolv.empty() && publish.empty(); }
    bool operator==(const NetworkChoice&) const = default;
};

/// Checks each part by itself and brings it into the one spelling that is kept. `network`, `nat`, `resolv`
/// and `publish` are its keys; `file` stands for where they were said. Throws Error{configuration}.
NetworkChoice checked(NetworkChoice choice, const std::string& file);

/// `choice` with the parts of `later` that are not empty in place of its own.
NetworkChoice over(NetworkChoice choice, const NetworkChoice& later);

/// The recipe with the operator's choice over it. A recipe's claims go with network mode none, what it
/// publishes and its NAT with every mode but private. Throws Error{configuration}, with `whose` as object,
/// for what the operator asks for beside a mode that has none of it.
void choose_network(RenderedRecipe& recipe, const NetworkChoice& choice, const std::string& whose);

} // namespace pkgjail::jail
