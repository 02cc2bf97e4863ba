#include "pkgjail/confine/port_rules.hpp"

#include <fmt/format.h>

namespace pkgjail::confine {

namespace {

/// Where a published port is caught, whichever way a packet comes.
std::string matching(const jail::PublishedPort& port, const PrivateNetwork& network) {
    const std::string where =
        port.address.empty() ? "fib daddr type local" : fmt::format("ip daddr {}", port.address);
    return fmt::format("\t\t{} {} dport {} dnat to {}:{}\n", where, port.protocol, port.host_port,
                       network.address, port.jail_port);
}

} // namespace

std::string table_name(std::string_view interface) {
    return fmt::format("pkgjail_{}", interface.substr(interface.find('-') + 1));
}

bool needs_rules(const PrivateNetwork& network) {
    return network.nat || !network.publish.empty();
}

std::string port_rules(const std::string& interface, const PrivateNetwork& network) {
    const std::string table = table_name(interface);
    std::string ports;
    for (const jail::PublishedPort& port : network.publish)
        ports += matching(port, network);
    std::string text = fmt::format("add table ip {0}\ndelete table ip {0}\ntable ip {0} {{\n", table);
    if (!ports.empty()) {
        // The interface takes part in 127.0.0.0/8, for those who connect from the host itself; only their
        // answers may come back that way, and these have another address here.
        text +=
            fmt::format("\tchain guard {{\n\t\ttype filter hook prerouting priority -300; policy accept;\n"
                        "\t\tiifname \"{}\" ip daddr 127.0.0.0/8 drop\n\t}}\n",
                        interface);
        for (const auto& [chain, hook] :
             {std::pair("from_others", "prerouting"), std::pair("from_here", "output")})
            text += fmt::format("\tchain {} {{\n\t\ttype nat hook {} priority -100; policy accept;\n{}\t}}\n",
                                chain, hook, ports);
    }
    text += "\tchain leave {\n\t\ttype nat hook postrouting priority 100; policy accept;\n";
    if (!ports.empty()) // from 127.0.0.1, and from the jail itself by way of the host
        text += fmt::format("\t\toifname \"{0}\" ip saddr {{ 127.0.0.0/8, {1} }} masquerade\n", interface,
                            network.address);
    if (network.nat)
        text += fmt::format("\t\toifname != \"{0}\" ip saddr {1} ip daddr != {2} masquerade\n", interface,
                            network.address, network.pool);
    text += "\t}\n";
    if (!network.nat)
        text +=
            fmt::format("\tchain keep_in {{\n\t\ttype filter hook forward priority 0; policy accept;\n"
                        "\t\tiifname \"{0}\" ip daddr != {1} ct state != {{ established, related }} drop\n"
                        "\t}}\n",
                        interface, network.pool);
    return text + "}\n";
}

} // namespace pkgjail::confine
