// The rate of an interface: the kernel's token bucket filter (tc-tbf(8)) as its root queue. A packet waits
// until there are tokens for its bytes; what finds the queue full is dropped, which TCP takes as the sign to
// send more slowly.
#ifdef __linux__

#include <algorithm>
#include <cerrno>
#include <limits>

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/confine/link.hpp"

namespace pkgjail::confine {
namespace {

constexpr std::uint32_t our_handle = 0x70'6a'00'00; ///< "706a:", in hexadecimal what "pj" is
constexpr const char* kind = "tbf";
/// In linux/if_arp's world a frame of Ethernet; it spares the tables that older kernels wanted.
constexpr unsigned char ethernet = TC_LINKLAYER_ETHERNET;

/// Tokens that may be saved up: what 20 ms bring, and several frames at least.
std::uint32_t burst_for(std::uint64_t rate) {
    constexpr std::uint64_t least = 8u << 10;
    constexpr std::uint64_t most = 8u << 20;
    return static_cast<std::uint32_t>(std::clamp(rate / 50, least, most));
}

/// What may wait: 200 ms, and room for a sender's first window at least.
std::uint32_t queue_for(std::uint64_t rate) {
    constexpr std::uint64_t least = 64u << 10;
    constexpr std::uint64_t most = 64u << 20;
    return static_cast<std::uint32_t>(std::clamp(rate / 5, least, most)) + burst_for(rate);
}

struct tcmsg root_of(const Link& link) {
    struct tcmsg head {};
    head.tcm_family = AF_UNSPEC;
    head.tcm_ifindex = link.index;
    head.tcm_parent = TC_H_ROOT;
    return head;
}

void must(int error, Netlink& net, const Link& link, const char* what) {
    if (error == 0)
        return;
    if (error == ENOENT || error == EOPNOTSUPP)
        throw base::Error(base::ErrorKind::denied, link.name,
                          "this kernel has no token bucket filter (sch_tbf)");
    throw base::Error(base::ErrorKind::denied, link.name,
                      std::string(what) + ": " + base::system_error(error, link.name, what).cause() +
                          (net.reason().empty() ? "" : " (" + net.reason() + ")"));
}

} // namespace

void set_link_rate(Netlink& net, const Link& link, std::optional<std::uint64_t> rate) {
    if (!rate) {
        if (!link_rate(net, link))
            return;
        must(net.ask(NetlinkRequest(RTM_DELQDISC, NLM_F_ACK).head(root_of(link))), net, link,
             "lift its rate");
        return;
    }
    struct tc_tbf_qopt options {};
    options.rate.linklayer = ethernet;
    options.rate.rate =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(*rate, std::numeric_limits<std::uint32_t>::max()));
    options.limit = queue_for(*rate);
    struct tcmsg head = root_of(link);
    head.tcm_handle = our_handle;
    NetlinkRequest request(RTM_NEWQDISC, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
    request.head(head).add_text(TCA_KIND, kind).begin(TCA_OPTIONS);
    request.add_number(TCA_TBF_PARMS, options).add_number(TCA_TBF_BURST, burst_for(*rate));
    if (*rate > std::numeric_limits<std::uint32_t>::max())
        request.add_number(TCA_TBF_RATE64, *rate);
    must(net.ask(request.end()), net, link, "hold it to its rate");
}

std::optional<std::uint64_t> link_rate(Netlink& net, const Link& link) {
    for (const NetlinkAnswer& answer :
         net.dump(NetlinkRequest(RTM_GETQDISC, NLM_F_DUMP).head(root_of(link)), link.name)) {
        const auto head = answer.head<struct tcmsg>();
        if (!head || head->tcm_ifindex != link.index || head->tcm_parent != TC_H_ROOT)
            continue;
        const auto attributes = answer.attributes(sizeof(struct tcmsg));
        const auto found = attributes.find(TCA_KIND);
        const auto options = attributes.find(TCA_OPTIONS);
        if (found == attributes.end() || attribute_text(found->second) != kind || options == attributes.end())
            continue;
        const auto inner = nested_attributes(options->second);
        if (const auto wide = attribute_number<std::uint64_t>(inner, TCA_TBF_RATE64))
            return wide;
        if (const auto narrow = attribute_number<struct tc_tbf_qopt>(inner, TCA_TBF_PARMS))
            return narrow->rate.rate;
    }
    return std::nullopt;
}

} // namespace pkgjail::confine

#endif
