#include "pkgjail/confine/kmod_network.hpp"

#include <algorithm>
#include <sstream>

#include <fmt/format.h>

namespace pkgjail::confine {
namespace {

using jail::Enforcement;
using jail::LimitKind;

/// Words of each line, without comments and empty lines.
std::vector<std::vector<std::string>> statements(const std::string& text) {
    std::vector<std::vector<std::string>> found;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line.substr(0, line.find('#')));
        std::vector<std::string> statement;
        for (std::string word; words >> word;)
            statement.push_back(word);
        if (!statement.empty())
            found.push_back(std::move(statement));
    }
    return found;
}

bool is_ipv6(const std::string& address) {
    return address.find(':') != std::string::npos;
}

std::string class_name(const JailSpec& spec) {
    return "pkgjail_" + (spec.jail.empty() ? spec.handle : spec.jail);
}

} // namespace

std::optional<AltqPlace> find_altq_place(const std::string& altq_conf) {
    const auto all = statements(altq_conf);
    for (const auto& line : all) {
        if (line.size() < 3 || line[0] != "interface" ||
            std::find(line.begin() + 2, line.end(), "cbq") == line.end())
            continue;
        for (const auto& other : all) // class cbq INTERFACE NAME PARENT; NULL is the parent of the root
            if (other.size() >= 5 && other[0] == "class" && other[1] == "cbq" && other[2] == line[1] &&
                other[4] == "NULL")
                return AltqPlace{line[1], other[3]};
    }
    return std::nullopt;
}

std::vector<std::string> own_addresses(const JailSpec& spec) {
    std::vector<std::string> addresses;
    for (const auto& claim : spec.claims) {
        if (claim.address.empty())
            return {};
        if (std::find(addresses.begin(), addresses.end(), claim.address) == addresses.end())
            addresses.push_back(claim.address);
    }
    return addresses;
}

std::string npf_rules(const JailSpec& spec) {
    std::string rules;
    for (const std::string& address : own_addresses(spec)) {
        const char* family = is_ipv6(address) ? "inet6" : "inet4";
        const bool none = spec.network == jail::NetworkMode::none;
        if (!none)
            for (const auto& claim : spec.claims)
                if (claim.address == address)
                    rules += fmt::format("pass stateful in final family {} proto {} to {} port {}\n", family,
                                         claim.protocol, address, claim.port);
        rules += fmt::format("block in final family {} to {}\n", family, address);
        if (none)
            rules += fmt::format("block out final family {} from {}\n", family, address);
    }
    return rules;
}

std::string altq_lines(const JailSpec& spec, const AltqPlace& place) {
    const auto limit = spec.limits.wanted.find(LimitKind::net_out);
    const auto addresses = own_addresses(spec);
    if (limit == spec.limits.wanted.end() || addresses.empty())
        return {};
    // No "borrow": a class that may borrow has a share and no ceiling.
    std::string lines = fmt::format("class cbq {} {} {} exactbandwidth {}\n", place.interface,
                                    class_name(spec), place.root_class, limit->second.value * 8);
    for (const std::string& address : addresses)
        lines += fmt::format("{} {} {} 0 0 {} 0 0\n", is_ipv6(address) ? "filter6" : "filter",
                             place.interface, class_name(spec), address);
    return lines;
}

jail::LimitReading net_out_reading(const JailSpec& spec, std::uint64_t wanted,
                                   const std::optional<std::string>& altq_conf, const std::string& file) {
    jail::LimitReading reading;
    reading.kind = LimitKind::net_out;
    reading.wanted = wanted;
    if (own_addresses(spec).empty()) {
        reading.mechanism = "the jail has no address of its own that a shaper could tell it by";
        return reading;
    }
    const auto place = altq_conf ? find_altq_place(*altq_conf) : std::nullopt;
    if (!place) {
        reading.mechanism = "/etc/altq.conf has no interface with cbq and a root class";
        return reading;
    }
    const auto there = statements(*altq_conf);
    for (const auto& line : statements(altq_lines(spec, *place)))
        if (std::find(there.begin(), there.end(), line) == there.end()) {
            reading.mechanism = "not all lines of " + file + " are in /etc/altq.conf";
            return reading;
        }
    reading.effective = wanted;
    reading.enforcement = Enforcement::advisory;
    reading.mechanism = "ALTQ on " + place->interface + ", if altqd runs";
    return reading;
}

base::Error no_private_network(const std::string& jail) {
    return {base::ErrorKind::configuration, jail, "NetBSD has no network that is one jail's own",
            "use network mode host, with claims at an address that only it has (an alias by ifconfig), which "
            "npf filters and altq slows down, or mode none"};
}

} // namespace pkgjail::confine
