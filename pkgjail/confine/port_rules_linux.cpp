// Rules in and out of the kernel.
#ifdef __linux__

#include <cerrno>
#include <chrono>

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/base/process.hpp"
#include "pkgjail/confine/netlink.hpp"
#include "pkgjail/confine/port_rules.hpp"
#include "pkgjail/confine/private_network.hpp"

namespace pkgjail::confine {
namespace {

using base::Error;
using base::ErrorKind;

constexpr std::chrono::seconds patience{30};

struct nfgenmsg head_of(unsigned char family, std::uint16_t resource) {
    struct nfgenmsg head {};
    head.nfgen_family = family;
    head.version = NFNETLINK_V0;
    head.res_id = htons(resource);
    return head;
}

bool kernel_has(int protocol) {
    const base::Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
    return fd || errno != EPROTONOSUPPORT;
}

std::string first_line(const std::string& text) {
    return base::printable(text.substr(0, std::min(text.find('\n'), text.size())));
}

} // namespace

void load_rules(const std::string& jail, const std::string& rules) {
    const auto nft = base::find_program("nft");
    if (!nft)
        throw Error(ErrorKind::denied, jail, no_packet_filter, install_packet_filter);
    base::Command command;
    command.argv = {nft->string(), "-f", "-"};
    const base::Output output = base::run(command, patience, rules);
    if (output.timed_out || !output.exit.success())
        throw Error(ErrorKind::denied, jail,
                    "nft does not take the rules for its ports: " +
                        (output.timed_out ? "no answer" : first_line(output.err)));
}

void remove_rules(const std::string& interface) {
    if (!kernel_has(NETLINK_NETFILTER))
        return; // and so no tables
    Netlink net = Netlink::here(NETLINK_NETFILTER);
    constexpr auto delete_table =
        static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | static_cast<unsigned>(NFT_MSG_DELTABLE));
    const std::vector<NetlinkRequest> batch{
        NetlinkRequest(NFNL_MSG_BATCH_BEGIN, 0).head(head_of(AF_UNSPEC, NFNL_SUBSYS_NFTABLES)),
        NetlinkRequest(delete_table, NLM_F_ACK)
            .head(head_of(NFPROTO_IPV4, 0))
            .add_text(NFTA_TABLE_NAME, table_name(interface)),
        NetlinkRequest(NFNL_MSG_BATCH_END, 0).head(head_of(AF_UNSPEC, NFNL_SUBSYS_NFTABLES))};
    const int error = net.ask_together(batch);
    // EINVAL, EOPNOTSUPP: a kernel without nftables has no tables.
    if (error != 0 && error != ENOENT && error != EINVAL && error != EOPNOTSUPP)
        throw base::system_error(error, table_name(interface), "remove the jail's table of nftables");
}

} // namespace pkgjail::confine

#endif
