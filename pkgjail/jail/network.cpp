#include "pkgjail/jail/network.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pkgjail/jail/address.hpp"
#include "pkgjail/jail/address_pool.hpp"
#include "pkgjail/jail/recipe.hpp"

namespace pkgjail::jail {

namespace {

constexpr std::string_view servers_key = "servers=";
/// glibc and NetBSD's libc look at no more (MAXNS in <resolv.h>).
constexpr std::size_t most_servers = 3;

std::optional<PublishedPort> read_published(std::string_view text) {
    PublishedPort port;
    for (const std::string_view protocol : {"tcp", "udp"})
        if (text.starts_with(protocol) && text.substr(protocol.size()).starts_with(':'))
            port.protocol = protocol;
    if (port.protocol.empty())
        return std::nullopt;
    text.remove_prefix(port.protocol.size() + 1);
    const std::size_t last = text.rfind(':');
    if (last == std::string_view::npos)
        return std::nullopt;
    const auto inside = parse_port(text.substr(last + 1));
    text = text.substr(0, last);
    if (const std::size_t colon = text.rfind(':'); colon != std::string_view::npos) {
        const auto address = parse_ipv4(text.substr(0, colon));
        if (!address)
            return std::nullopt;
        port.address = *address == 0 ? "" : ipv4_text(*address);
        text.remove_prefix(colon + 1);
    }
    const auto outside = parse_port(text);
    if (!inside || !outside)
        return std::nullopt;
    port.host_port = *outside;
    port.jail_port = *inside;
    return port;
}

std::optional<std::vector<std::string>> read_servers(std::string_view list) {
    std::vector<std::string> servers;
    while (true) {
        const std::size_t comma = std::min(list.find(','), list.size());
        const auto address = parse_ip_address(list.substr(0, comma));
        if (!address || std::find(servers.begin(), servers.end(), *address) != servers.end())
            return std::nullopt;
        servers.push_back(*address);
        if (comma == list.size())
            break;
        list.remove_prefix(comma + 1);
    }
    if (servers.size() > most_servers)
        return std::nullopt;
    return servers;
}

NetworkMode mode_of(const std::string& name) {
    for (const NetworkMode mode : {NetworkMode::host, NetworkMode::none})
        if (network_mode_name(mode) == name)
            return mode;
    return NetworkMode::private_;
}

Setting setting_of(const std::string& key, const std::string& value, const std::string& file) {
    return {key, value, {file, 0, key}};
}

} // namespace

std::string PublishedPort::str() const {
    return fmt::format("{}:{}{}:{}", protocol, address.empty() ? "" : address + ":", host_port, jail_port);
}

PublishedPort parse_published_port(const Setting& setting) {
    const std::optional<PublishedPort> port = read_published(setting.value);
    if (!port)
        throw wrong_value(setting,
                          "tcp:PORT:PORT or udp:PORT:PORT, the host's port and then the jail's, with an IPv4 "
                          "address of the host if it is to be only that one: tcp:8080:80, "
                          "udp:192.0.2.1:5353:53");
    return *port;
}

std::string Resolv::str() const {
    switch (from) {
    case From::none:
        return "none";
    case From::host:
        return "host";
    case From::servers:
        break;
    }
    return fmt::format("{}{}", servers_key, fmt::join(servers, ","));
}

Resolv parse_resolv(const Setting& setting) {
    if (setting.value == "none")
        return {};
    if (setting.value == "host")
        return {Resolv::From::host, {}};
    if (std::string_view(setting.value).starts_with(servers_key))
        if (auto servers = read_servers(std::string_view(setting.value).substr(servers_key.size())))
            return {Resolv::From::servers, std::move(*servers)};
    throw wrong_value(setting, fmt::format("host, none, or servers=ADDRESS,… with at most {} different "
                                           "addresses: servers=192.0.2.1,2001:db8::1",
                                           most_servers));
}

NetworkChoice checked(NetworkChoice choice, const std::string& file) {
    const auto check_word = [&](const char* key, const std::string& value,
                                std::initializer_list<const char*> allowed) {
        if (!value.empty() && std::find(allowed.begin(), allowed.end(), value) == allowed.end())
            throw wrong_value(setting_of(key, value, file), fmt::format("{}", fmt::join(allowed, ", ")));
    };
    check_word("network", choice.mode, {"host", "none", "private"});
    check_word("nat", choice.nat, {"yes", "no"});
    if (!choice.resolv.empty())
        choice.resolv = parse_resolv(setting_of("resolv", choice.resolv, file)).str();
    if (choice.publish == std::vector<std::string>{"none"})
        return choice;
    std::vector<std::string> ports;
    for (const std::string& text : choice.publish) {
        const Setting setting = setting_of("publish", text, file);
        std::string port = parse_published_port(setting).str();
        if (std::find(ports.begin(), ports.end(), port) != ports.end())
            throw wrong_value(setting, "each port once");
        ports.push_back(std::move(port));
    }
    choice.publish = std::move(ports);
    return choice;
}

NetworkChoice over(NetworkChoice choice, const NetworkChoice& later) {
    for (const auto part : {&NetworkChoice::mode, &NetworkChoice::nat, &NetworkChoice::resolv})
        if (!(later.*part).empty())
            choice.*part = later.*part;
    if (!later.publish.empty())
        choice.publish = later.publish;
    return choice;
}

void choose_network(RenderedRecipe& recipe, const NetworkChoice& choice, const std::string& whose) {
    if (!choice.mode.empty())
        recipe.network = mode_of(choice.mode);
    const auto refuse = [&](const std::string& what) {
        throw base::Error(
            base::ErrorKind::configuration, whose,
            fmt::format("{} is asked for with network mode {}, allowed: beside network mode private", what,
                        network_mode_name(recipe.network)));
    };
    const bool publishes_nothing = choice.publish == std::vector<std::string>{"none"};
    if (!choice.publish.empty()) {
        recipe.publish.clear();
        if (!publishes_nothing)
            for (const std::string& port : choice.publish)
                recipe.publish.push_back(parse_published_port(setting_of("publish", port, whose)));
    }
    if (!choice.nat.empty())
        recipe.nat = choice.nat == "yes";
    if (!choice.resolv.empty())
        recipe.resolv = parse_resolv(setting_of("resolv", choice.resolv, whose));
    if (recipe.network == NetworkMode::none)
        recipe.claims.clear();
    if (recipe.network == NetworkMode::private_)
        return;
    if (!choice.publish.empty() && !publishes_nothing)
        refuse("a published port");
    if (choice.nat == "yes")
        refuse("NAT");
    recipe.publish.clear();
    recipe.nat = false;
}

} // namespace pkgjail::jail
