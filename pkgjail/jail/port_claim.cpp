#include <fmt/format.h>

#include "pkgjail/jail/address.hpp"
#include "pkgjail/jail/recipe.hpp"

namespace pkgjail::jail {

namespace {

std::optional<PortClaim> read_claim(std::string_view text) {
    PortClaim claim;
    for (const std::string_view protocol : {"tcp", "udp"})
        if (text.starts_with(protocol) && text.substr(protocol.size()).starts_with(':'))
            claim.protocol = protocol;
    if (claim.protocol.empty())
        return std::nullopt;
    text.remove_prefix(claim.protocol.size() + 1);
    if (const std::optional<std::uint16_t> port = parse_port(text)) {
        claim.port = *port;
        return claim;
    }
    const std::optional<Endpoint> endpoint = parse_endpoint(text);
    if (!endpoint || endpoint->host == "localhost") // which of its addresses would be anybody's guess
        return std::nullopt;
    claim.address = endpoint->host;
    claim.port = endpoint->port;
    return claim;
}

} // namespace

std::string PortClaim::str() const {
    if (address.empty())
        return fmt::format("{}:{}", protocol, port);
    if (address.find(':') != std::string::npos)
        return fmt::format("{}:[{}]:{}", protocol, address, port);
    return fmt::format("{}:{}:{}", protocol, address, port);
}

PortClaim parse_port_claim(const Setting& setting) {
    const std::optional<PortClaim> claim = read_claim(setting.value);
    if (!claim)
        throw wrong_value(setting,
                          "tcp:PORT or udp:PORT, with an address if it is to be only that one: tcp:8080, "
                          "tcp:127.0.0.1:8080, udp:[::1]:53");
    return *claim;
}

PortClaim parse_port_claim(std::string_view text, const Position& where) {
    return parse_port_claim(Setting{"claim", std::string(text), where});
}

} // namespace pkgjail::jail
