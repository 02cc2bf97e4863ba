#include "pkgjail/confine/private_network.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pkgjail/base/file.hpp"

#ifdef __linux__
#include <cerrno>

#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pkgjail/base/step.hpp"
#include "pkgjail/confine/link.hpp"
#include "pkgjail/confine/port_rules.hpp"
#include "pkgjail/jail/address_pool.hpp"
#else
#include "pkgjail/confine/kmod_network.hpp"
#endif

namespace pkgjail::confine {

using base::Error;
using base::ErrorKind;
using base::HostPath;

namespace {
constexpr std::string_view interface_prefix = "pj-";
} // namespace

// FNV-1a. Handles are our own and end with random digits, so that nobody chooses two with one name; a digest
// of OpenSSL's would cost every supervisor 400 KiB for that library's tables.
std::string interface_name(std::string_view handle) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : handle)
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    constexpr std::uint64_t digits = (std::uint64_t{1} << 48) - 1; // a name has 15 characters at most
    return fmt::format("{}{:012x}", interface_prefix, hash & digits);
}

HostPath network_notes(const HostPath& state_directory) {
    return state_directory / "run" / "networks";
}

std::string PrivateNetworks::interface_of(const std::string& handle) const {
    const auto note = base::read_file_if_exists(note_of(handle), 4096);
    const std::string noted = note ? note->substr(0, note->find('\n')) : "";
    // An older pkgjail made other names.
    return noted.starts_with(interface_prefix) ? noted : interface_name(handle);
}

bool PrivateNetworks::is_noted(const std::string& handle) const {
    std::error_code error;
    return std::filesystem::exists(note_of(handle), error);
}

std::vector<std::string> PrivateNetworks::handles() const {
    std::vector<std::string> found;
    std::error_code none_yet;
    for (const auto& entry : std::filesystem::directory_iterator(directory_, none_yet))
        found.push_back(entry.path().filename().string());
    std::sort(found.begin(), found.end());
    return found;
}

#ifdef __linux__

namespace {

using jail::LimitKind;

const HostPath switches = "/proc/sys/net";

/// A line of its note for a jail that gets no table of the packet filter. A note without it may be of an
/// older pkgjail, which did not say.
constexpr const char* without_rules = "no rules";

/// A file of a few bytes below /proc/sys/net; nullopt where there is none.
std::optional<std::string> read_switch(const HostPath& path) {
    auto text = base::read_file_if_exists(switches / path, 64);
    if (text && text->ends_with('\n'))
        text->pop_back();
    return text;
}

void set_switch(const HostPath& path, std::string_view value) {
    const base::Fd file = base::open_file(switches / path, O_WRONLY);
    base::write_all(file.get(), value, (switches / path).string());
}

bool forwards(const std::string& interface) {
    return read_switch(HostPath("ipv4/conf") / interface / "forwarding") == "1";
}

/// Interfaces with an IPv4 address that leads somewhere: neither loopback nor a jail's pair.
std::vector<std::string> outer_interfaces() {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(switches / "ipv4/conf", error)) {
        const std::string name = entry.path().filename().string();
        if (name != "all" && name != "default" && name != "lo" && !name.starts_with(interface_prefix))
            names.push_back(name);
    }
    struct ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0)
        throw base::system_error(errno, "network interfaces", "getifaddrs");
    std::erase_if(names, [&](const std::string& name) {
        for (const struct ifaddrs* one = list; one != nullptr; one = one->ifa_next)
            if (name == one->ifa_name && one->ifa_addr != nullptr && one->ifa_addr->sa_family == AF_INET)
                return false;
        return true;
    });
    ::freeifaddrs(list);
    std::sort(names.begin(), names.end());
    return names;
}

std::string ipv4_of(const struct sockaddr* name) {
    if (name == nullptr || name->sa_family != AF_INET)
        return {};
    const std::uint32_t number = ntohl(reinterpret_cast<const struct sockaddr_in*>(name)->sin_addr.s_addr);
    return fmt::format("{}.{}.{}.{}", number >> 24, number >> 16 & 0xff, number >> 8 & 0xff, number & 0xff);
}

/// The pool is pkgjail's alone, and each address in it one jail's.
void refuse_taken_addresses(const PrivateNetwork& network, const std::string& jail, const std::string& own) {
    const auto pool = jail::AddressPool::parse(network.pool);
    struct ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0)
        throw base::system_error(errno, "network interfaces", "getifaddrs");
    std::string problem;
    for (const struct ifaddrs* one = list; one != nullptr && problem.empty(); one = one->ifa_next) {
        const std::string local = ipv4_of(one->ifa_addr);
        const std::string name = one->ifa_name;
        if (local.empty() || name == own)
            continue;
        if (!name.starts_with(interface_prefix) && pool && pool->contains(local))
            problem = fmt::format("the network-pool {} is not free: interface {} has {}", network.pool, name,
                                  local);
        else if (name.starts_with("pj-") && ipv4_of(one->ifa_dstaddr) == network.address)
            problem =
                fmt::format("its address {} is in use by interface {}, a jail of another state directory",
                            network.address, name);
    }
    ::freeifaddrs(list);
    if (!problem.empty())
        throw Error(ErrorKind::conflict, jail, problem,
                    "choose another network-pool in section [pkgjail] of pkgjail.conf");
}

base::Fd namespace_of(const base::ProcessId& process, const std::string& jail) {
    base::Fd fd = base::open_file(fmt::format("/proc/{}/ns/net", process.pid), O_RDONLY);
    const base::Fd own = base::open_file("/proc/self/ns/net", O_RDONLY);
    struct stat theirs {};
    struct stat ours {};
    if (::fstat(fd.get(), &theirs) != 0 || ::fstat(own.get(), &ours) != 0)
        throw base::system_error(errno, "network namespace", "stat");
    if (!base::is_alive(process))
        throw Error(ErrorKind::conflict, jail, "is not running");
    if (theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev)
        throw Error(ErrorKind::system, jail, "the runtime gave it no network namespace of its own");
    return fd;
}

std::optional<std::uint64_t> wanted_rate(const JailSpec& spec, LimitKind kind) {
    const auto found = spec.limits.wanted.find(kind);
    return found == spec.limits.wanted.end() ? std::nullopt : std::optional(found->second.value);
}

Link require_link(Netlink& net, const std::string& name) {
    auto link = find_link(net, name);
    if (!link)
        throw Error(ErrorKind::not_found, name, "there is no such interface");
    return std::move(*link);
}

/// What is held back is what leaves an interface: net-in on the host's end, net-out on the jail's.
void hold_rates(const JailSpec& spec, const std::string& name, Netlink& here, Netlink& inside) {
    set_link_rate(here, require_link(here, name), wanted_rate(spec, LimitKind::net_in));
    set_link_rate(inside, require_link(inside, inner_interface), wanted_rate(spec, LimitKind::net_out));
}

/// The host's end. Nobody but this jail is behind it, so a packet with another sender's address is refused
/// (rp_filter), and it speaks IPv4 alone.
void arrange_outside(const PrivateNetwork& network, Netlink& here, const Link& link) {
    const HostPath own = HostPath("ipv4/conf") / link.name;
    set_switch(own / "forwarding", "1");
    set_switch(own / "rp_filter", "1");
    if (!network.publish.empty())
        set_switch(own / "route_localnet", "1"); // for those who connect to 127.0.0.1; see port_rules
    const HostPath no_ipv6 = HostPath("ipv6/conf") / link.name / "disable_ipv6";
    if (read_switch(no_ipv6))
        set_switch(no_ipv6, "1");
    bring_link_up(here, link);
    add_peer_address(here, link, network.gateway, network.address);
}

/// The jail's end. Without NAT and published ports no route leads out of the pool, and no process of a jail
/// may change routes.
void arrange_inside(const PrivateNetwork& network, Netlink& inside) {
    bring_link_up(inside, require_link(inside, "lo"));
    const Link link = require_link(inside, inner_interface);
    bring_link_up(inside, link);
    add_peer_address(inside, link, network.address, network.gateway);
    add_route(inside, link, needs_rules(network) ? "0.0.0.0/0" : network.pool, network.gateway);
}

} // namespace

std::optional<Error> private_network_problem(const PrivateNetwork& network, const std::string& jail) {
    if (needs_rules(network) && !base::find_program("nft"))
        return Error(ErrorKind::denied, jail, no_packet_filter, install_packet_filter);
    if (::geteuid() != 0)
        return Error(ErrorKind::denied, jail, "only root may give a jail a network of its own",
                     "use network mode host or none");
    return std::nullopt;
}

std::vector<std::string> private_network_notes(const PrivateNetwork& network) {
    if (!needs_rules(network))
        return {};
    const auto outer = outer_interfaces();
    const bool any = std::any_of(outer.begin(), outer.end(), forwards);
    if (any || outer.empty())
        return {};
    std::vector<std::string> commands;
    for (const std::string& name : outer)
        commands.push_back(fmt::format("sysctl -w net.ipv4.conf.{}.forwarding=1", name));
    return {
        fmt::format("{}: the host forwards nothing that comes in from outside; pkgjail does not switch that "
                    "on, this does: {}",
                    network.nat ? "what it asks of others is not answered"
                                : "its published ports are reached from this host alone",
                    fmt::join(commands, " or "))};
}

void PrivateNetworks::bring_up(const JailSpec& spec, const base::ProcessId& first) {
    if (!spec.private_network)
        throw Error(ErrorKind::configuration, spec.jail, "has no address for its private network");
    const PrivateNetwork& network = *spec.private_network;
    if (const auto problem = private_network_problem(network, spec.jail))
        throw Error(*problem);
    const std::string name = interface_name(spec.handle);
    refuse_taken_addresses(network, spec.jail, name);
    base::Fd& space = held_[spec.handle];
    space = namespace_of(first, spec.jail);

    base::make_directories(directory_, 0700);
    base::write_file_atomically(
        note_of(spec.handle), fmt::format("{}\n{}\n", name, needs_rules(network) ? "rules" : without_rules));
    base::step("confine.network_noted");
    Netlink here = Netlink::here(NETLINK_ROUTE);
    remove_link(here, name);
    make_pair(here, name, spec.handle, space, inner_interface);
    base::step("confine.network_paired");
    Netlink inside = Netlink::inside(NETLINK_ROUTE, space);
    arrange_outside(network, here, require_link(here, name));
    arrange_inside(network, inside);
    hold_rates(spec, name, here, inside);
    if (needs_rules(network))
        load_rules(spec.jail, port_rules(name, network));
    base::step("confine.network_up");
}

void PrivateNetworks::take_down(const std::string& handle) {
    held_.erase(handle);
    const auto note = base::read_file_if_exists(note_of(handle), 4096);
    if (!note)
        return;
    const std::string name = interface_of(handle);
    Netlink here = Netlink::here(NETLINK_ROUTE);
    remove_link(here, name);
    if (note->find(fmt::format("\n{}\n", without_rules)) == std::string::npos)
        remove_rules(name);
    std::error_code error;
    std::filesystem::remove(note_of(handle), error);
    if (error)
        throw base::system_error(error.value(), note_of(handle).string(), "remove");
}

void PrivateNetworks::set_rates(const JailSpec& spec, const base::ProcessId& first) const {
    Netlink here = Netlink::here(NETLINK_ROUTE);
    Netlink inside = Netlink::inside(NETLINK_ROUTE, namespace_of(first, spec.jail));
    hold_rates(spec, interface_of(spec.handle), here, inside);
}

jail::LimitReading PrivateNetworks::read_rate(const JailSpec& spec, LimitKind kind, std::uint64_t wanted,
                                              const std::optional<base::ProcessId>& first) const {
    jail::LimitReading reading;
    reading.kind = kind;
    reading.wanted = wanted;
    const bool is_in = kind == LimitKind::net_in;
    const std::string name = is_in ? interface_of(spec.handle) : inner_interface;
    if (!first) {
        reading.mechanism = "the first process is gone";
        return reading;
    }
    Netlink net = is_in ? Netlink::here(NETLINK_ROUTE)
                        : Netlink::inside(NETLINK_ROUTE, namespace_of(*first, spec.jail));
    const auto link = find_link(net, name);
    reading.effective = link ? link_rate(net, *link) : std::nullopt;
    reading.mechanism = fmt::format("tbf on {}{}", name, is_in ? "" : " in the jail");
    if (reading.effective && *reading.effective <= wanted)
        reading.enforcement = jail::Enforcement::enforced;
    else
        reading.mechanism += " (not set)";
    return reading;
}

std::string rate_problem(LimitKind, jail::NetworkMode network) {
    switch (network) {
    case jail::NetworkMode::host:
        return "the jail shares the network of the host";
    case jail::NetworkMode::none:
        return "the jail has no network";
    case jail::NetworkMode::private_:
        break;
    }
    return "";
}

std::optional<PrivateNetworks::Traffic> PrivateNetworks::traffic(const std::string& handle) const {
    if (!is_noted(handle))
        return std::nullopt;
    Netlink here = Netlink::here(NETLINK_ROUTE);
    const auto link = find_link(here, interface_of(handle));
    if (!link)
        return std::nullopt;
    return Traffic{link->sent_bytes, link->received_bytes};
}

#else

std::optional<Error> private_network_problem(const PrivateNetwork&, const std::string& jail) {
    return no_private_network(jail);
}

std::vector<std::string> private_network_notes(const PrivateNetwork&) {
    return {};
}

std::string rate_problem(jail::LimitKind kind, jail::NetworkMode) {
    return kind == jail::LimitKind::net_in
               ? "nothing delays what comes in to a jail that shares the network of the host"
               : ""; // see net_out_reading
}

void PrivateNetworks::take_down(const std::string&) {} // nothing was ever brought up

#endif

} // namespace pkgjail::confine
