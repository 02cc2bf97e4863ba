// Networks of jails' own. On Linux: the jail's network namespace, made by the runtime and gone with the
// jail's last process; a pair of interfaces whose inner end lies in it, so that both ends, addresses, routes,
// switches and rates go with it, whatever becomes of us; and rules of the packet filter where ports are
// published, which are nobody's when the jail has ended, so what was made is noted before it is made:
//
//     STATE/run/networks/<handle>     there is, or may be, something in the kernel for this jail
//
// The note has the name of the interface, and in a second line "rules" or "no rules".
//
// The two ends have an address each and no network in common, so that there is no bridge whose last user
// would have to be found. Jails reach each other by way of the host: forwarding is switched on for the host's
// ends of these pairs and for nothing else.
//
// On NetBSD there are none, and private_network_problem() says so.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/path.hpp"
#include "pkgjail/base/process.hpp"
#include "pkgjail/confine/spec.hpp"

namespace pkgjail::confine {

inline constexpr const char* no_packet_filter =
    "published ports and NAT need nftables, and there is no program nft on this host";
inline constexpr const char* install_packet_filter = "install nftables";

/// The host's end of a jail's pair, for one that is made now: "pj-0123456789ab".
std::string interface_name(std::string_view handle);
/// The jail's end.
inline constexpr const char* inner_interface = "eth0";

/// Why this host cannot give a jail this network, to be said before anything is made; nullopt: nothing is
/// known against it.
std::optional<base::Error> private_network_problem(const PrivateNetwork& network, const std::string& jail);
/// What stands between this network and what is beyond the host, as sentences for the operator: what has to
/// be switched on by hand. Empty: nothing.
std::vector<std::string> private_network_notes(const PrivateNetwork& network);

/// Why no jail with such a network is held to limit net-in or net-out on this host; empty: nothing is known
/// against it.
std::string rate_problem(jail::LimitKind kind, jail::NetworkMode network);

/// Notes of one state directory, which `directory` is in.
class PrivateNetworks {
  public:
    explicit PrivateNetworks(base::HostPath directory) : directory_(std::move(directory)) {}

    /// For a jail whose first process is there and has a network namespace of its own: all of it, with the
    /// rates of its limits. Throws Error{denied} for what the kernel does not permit, Error{conflict} for an
    /// address that another interface has; what was made until then is take_down()'s.
    ///
    /// The namespace is held open until take_down(), as long as this process lives, so that what went through
    /// can still be read when the jail's last process has ended.
    void bring_up(const JailSpec& spec, const base::ProcessId& first);
    /// Everything that bring_up() made outside of the jail. Nothing there: nothing done.
    void take_down(const std::string& handle);
    bool is_noted(const std::string& handle) const;
    /// The name in its note; interface_name() where there is none.
    std::string interface_of(const std::string& handle) const;
    std::vector<std::string> handles() const; ///< that are noted

    /// The rates of its limits, in place of those it has.
    void set_rates(const JailSpec& spec, const base::ProcessId& first) const;
    /// net-in and net-out, as the kernel has them.
    jail::LimitReading read_rate(const JailSpec& spec, jail::LimitKind kind, std::uint64_t wanted,
                                 const std::optional<base::ProcessId>& first) const;
    struct Traffic {
        std::uint64_t in_bytes = 0; ///< to the jail, since its network was made
        std::uint64_t out_bytes = 0;
    };
    std::optional<Traffic> traffic(const std::string& handle) const;

  private:
    base::HostPath note_of(const std::string& handle) const { return directory_ / handle; }
    base::HostPath directory_;
    std::map<std::string, base::Fd> held_;
};

/// Where they are noted, for a state directory.
base::HostPath network_notes(const base::HostPath& state_directory);

} // namespace pkgjail::confine
