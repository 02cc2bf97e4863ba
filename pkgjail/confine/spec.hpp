// What a jail is for the kernel: one complete description, made by ops from catalog, recipe and store,
// carried out by a Driver. Plain values; spec_json turns them into text and back, because the supervisor is a
// program of its own.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/base/path.hpp"
#include "pkgjail/jail/limit.hpp"
#include "pkgjail/jail/profile.hpp"
#include "pkgjail/jail/recipe.hpp"

namespace pkgjail::confine {

/// One mount of a root, in the order of the list. Everything is nosuid and nodev, always.
struct Mount {
    enum class Kind { bind, tmpfs };
    Kind kind = Kind::bind;
    base::HostPath source; ///< bind: a directory or file of the host's
    base::RootPath target; ///< exists in the root's skeleton or in an earlier mount
    bool writable = false;
    bool no_exec = false;
    /// bind: the source belongs to others on this host, who may change what its path leads to. It is opened
    /// descriptor by descriptor when the jail is made, looked at once more, and that descriptor is mounted.
    bool by_descriptor = false;
    std::uint64_t size_bytes = 0; ///< tmpfs: ceiling
    unsigned mode = 0755;         ///< tmpfs: of its top directory
};

/// Who the process is, in numbers of the jail's own account files.
struct Identity {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::vector<std::uint32_t> groups;
};

/// A jail's own network: a pair of interfaces, one in the jail and one on the host, with an address at each
/// end. What goes elsewhere goes by way of the host.
struct PrivateNetwork {
    std::string address; ///< the jail's
    std::string gateway; ///< the host's, the same in every private network
    std::string pool;    ///< all private networks: "10.77.0.0/24"
    bool nat = false;    ///< the jail reaches what the host reaches, under the host's address
    std::vector<jail::PublishedPort> publish;
};

/// A file that only its owner may read, put on a tmpfs inside before anything runs. The value is in no
/// description: it is read from `source` when the jail is made.
struct Secret {
    std::string name; ///< the jail has it as /run/secrets/NAME
    base::HostPath source;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
};

/// What a profile denies is not denied but told: see call_listener.hpp.
struct Learning {
    jail::Profile profile = jail::Profile::high; ///< whose denials are told
    base::HostPath socket;                       ///< where somebody listens for the runtime; the supervisor's
};

struct JailSpec {
    std::string handle;  ///< unique on this host while it exists: what the kernel side calls the jail
                         ///< ("pkgjail-<jail id>", "pkgjail-build-<random>")
    std::string jail;    ///< the jail's name, its host name inside
    base::HostPath root; ///< skeleton of mount points, read-only for the jail
    std::vector<Secret> secrets;
    base::HostPath storage; ///< what limit disk is about: the jail's own directory; empty: nothing
    std::vector<base::HostPath> closed; ///< of which nothing may be mounted by_descriptor
    std::vector<Mount> mounts; ///< fresh /dev, /proc and /sys are the driver's own and not in the list
    std::vector<std::string> command;
    std::map<std::string, std::string> environment; ///< the whole of it
    std::string working_directory = "/";
    Identity identity;
    /// The command may go into the background: the jail's first process is then one of pkgjail's own, which
    /// has the command as its child and stays (hold.h). Driver::tell_service() says for whom.
    bool holds = false;
    jail::Limits limits;
    jail::Profile profile = jail::Profile::high;
    jail::NetworkMode network = jail::NetworkMode::host;
    std::vector<jail::PortClaim> claims;
    std::optional<PrivateNetwork> private_network; ///< with NetworkMode::private_
    std::optional<Learning> learning; ///< then no system call is denied that `learning->profile` denies
};

std::string to_json(const JailSpec& spec);
/// Throws Error{corrupt}.
JailSpec spec_from_json(std::string_view text);

} // namespace pkgjail::confine
