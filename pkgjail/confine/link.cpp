#ifdef __linux__

#include "pkgjail/confine/link.hpp"

#include <cerrno>
#include <charconv>

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"

namespace pkgjail::confine {
namespace {

using base::Error;
using base::ErrorKind;

constexpr unsigned one_address = 32; ///< bits of a prefix

void must(Netlink& net, const NetlinkRequest& request, const std::string& object, const std::string& what) {
    const int error = net.ask(request);
    if (error == 0)
        return;
    const std::string call = net.reason().empty() ? what : fmt::format("{} ({})", what, net.reason());
    if (error == EPERM || error == EACCES)
        throw Error(ErrorKind::denied, object, call + ": the kernel does not permit it",
                    "CAP_NET_ADMIN is needed over the host's network");
    if (error == EOPNOTSUPP)
        throw Error(ErrorKind::denied, object, call + ": this kernel cannot do it");
    throw base::system_error(error, object, call);
}

std::uint32_t address_number(const std::string& text) {
    struct in_addr address {};
    if (::inet_pton(AF_INET, text.c_str(), &address) != 1)
        throw Error(ErrorKind::configuration, text, "is no IPv4 address");
    return address.s_addr;
}

struct ifinfomsg any_link() {
    struct ifinfomsg head {};
    head.ifi_family = AF_UNSPEC;
    return head;
}

struct ifinfomsg this_link(const Link& link) {
    struct ifinfomsg head = any_link();
    head.ifi_index = link.index;
    return head;
}

} // namespace

std::optional<Link> find_link(Netlink& net, const std::string& name) {
    const auto answer =
        net.get(NetlinkRequest(RTM_GETLINK, 0).head(any_link()).add_text(IFLA_IFNAME, name), name);
    const auto head = answer ? answer->head<struct ifinfomsg>() : std::nullopt;
    if (!head)
        return std::nullopt;
    const auto attributes = answer->attributes(sizeof(struct ifinfomsg));
    Link link;
    link.index = head->ifi_index;
    link.name = name;
    if (const auto alias = attributes.find(IFLA_IFALIAS); alias != attributes.end())
        link.alias = attribute_text(alias->second);
    if (const auto counted = attribute_number<struct rtnl_link_stats64>(attributes, IFLA_STATS64)) {
        link.sent_bytes = counted->tx_bytes;
        link.received_bytes = counted->rx_bytes;
    }
    return link;
}

void make_pair(Netlink& net, const std::string& name, const std::string& alias, const base::Fd& inner,
               const std::string& inner_name) {
    NetlinkRequest request(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
    request.head(any_link()).add_text(IFLA_IFNAME, name).add_text(IFLA_IFALIAS, alias);
    request.begin(IFLA_LINKINFO).add_text(IFLA_INFO_KIND, "veth").begin(IFLA_INFO_DATA).begin(VETH_INFO_PEER);
    request.head(any_link()).add_text(IFLA_IFNAME, inner_name).add_number(IFLA_NET_NS_FD, inner.get());
    request.end().end().end();
    must(net, request, name, "make a pair of virtual interfaces");
    // Kernels before 5.19 pass over an alias that comes with a new interface.
    if (const auto made = find_link(net, name); made && made->alias != alias)
        must(net, NetlinkRequest(RTM_SETLINK, NLM_F_ACK).head(this_link(*made)).add_text(IFLA_IFALIAS, alias),
             name, "name its owner");
}

void remove_link(Netlink& net, const std::string& name) {
    const auto link = find_link(net, name);
    if (!link)
        return;
    const int error = net.ask(NetlinkRequest(RTM_DELLINK, NLM_F_ACK).head(this_link(*link)));
    if (error != 0 && error != ENODEV)
        throw base::system_error(error, name, "remove the interface");
}

void bring_link_up(Netlink& net, const Link& link) {
    struct ifinfomsg head = this_link(link);
    head.ifi_flags = head.ifi_change = IFF_UP;
    must(net, NetlinkRequest(RTM_NEWLINK, NLM_F_ACK).head(head), link.name, "bring it up");
}

void add_peer_address(Netlink& net, const Link& link, const std::string& local, const std::string& peer) {
    struct ifaddrmsg head {};
    head.ifa_family = AF_INET;
    head.ifa_prefixlen = one_address;
    head.ifa_scope = RT_SCOPE_UNIVERSE;
    head.ifa_index = static_cast<std::uint32_t>(link.index);
    must(net,
         NetlinkRequest(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)
             .head(head)
             .add_number(IFA_LOCAL, address_number(local))
             .add_number(IFA_ADDRESS, address_number(peer)),
         link.name, fmt::format("give it the address {}", local));
}

void add_route(Netlink& net, const Link& link, const std::string& network, const std::string& gateway) {
    const std::size_t slash = network.find('/');
    unsigned prefix = 0;
    std::from_chars(network.data() + slash + 1, network.data() + network.size(), prefix);
    struct rtmsg head {};
    head.rtm_family = AF_INET;
    head.rtm_dst_len = static_cast<unsigned char>(prefix);
    head.rtm_table = RT_TABLE_MAIN;
    head.rtm_protocol = RTPROT_STATIC;
    head.rtm_scope = RT_SCOPE_UNIVERSE;
    head.rtm_type = RTN_UNICAST;
    NetlinkRequest request(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
    request.head(head);
    if (prefix > 0)
        request.add_number(RTA_DST, address_number(network.substr(0, slash)));
    request.add_number(RTA_GATEWAY, address_number(gateway)).add_number(RTA_OIF, link.index);
    must(net, request, link.name, fmt::format("add the route to {}", network));
}

} // namespace pkgjail::confine

#endif
