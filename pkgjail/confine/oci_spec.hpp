// JailSpec → the OCI runtime's config.json: a pure function of the description and of what the host offers.
// The whole of what confines a jail on Linux can be read here; running the runtime is driver_oci's part.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "pkgjail/confine/driver.hpp"
#include "pkgjail/confine/port_guard.hpp"
#include "pkgjail/confine/spec.hpp"

namespace pkgjail::confine {

/// What the configuration has to know of the host.
struct OciHost {
    std::string architecture; ///< base::host_machine_arch()
    /// Controllers by their cgroup v1 names ("cpu", "memory", "pids", "blkio"), whichever version they are
    /// on.
    std::set<std::string> controllers;
    bool swap_limit = false;          ///< memory and swap can be limited together
    bool hide_processes = true;       ///< /proc may be mounted with hidepid=2
    int oom_score_adjust = 0;         ///< our own; going below it needs a privilege
    std::uint64_t hard_files = ~0ull; ///< our own hard limits; rising above them needs a privilege. ~0: none
    std::uint64_t hard_core = ~0ull;
    std::uint64_t hard_stack = ~0ull;
    /// Whole disk that holds the state directory, "254:0"; empty: there is none that the kernel can throttle,
    /// `no_disk` says why.
    std::string state_disk;
    std::string no_disk;
    PortGuard port_guard;
    /// Jails are made by an ordinary user, in a user namespace with one number in it: root inside is this
    /// user, and so is everybody else (runtimes want a root). Who is not meant to be root has none of its
    /// powers.
    bool one_user = false;
    std::uint32_t uid = 0; ///< one_user: who we are
    std::uint32_t gid = 0;
};

/// Size of a tmpfs mount whose `size_bytes` is 0.
inline constexpr std::uint64_t default_tmpfs_bytes = 64u << 20;

/// "/pkgjail/<handle>", in every cgroup hierarchy.
std::string cgroup_path(const std::string& handle);

/// Throws Error{configuration} for what no bundle can carry: a bad handle, a working directory below /proc, a
/// mount over /dev, /proc or /sys, an empty command, a private network without an
/// address, text that is not UTF-8.
std::string oci_config(const JailSpec& spec, const OciHost& host);
/// The process.json of `exec --process`: same powers and limits as the first process.
std::string oci_process(const JailSpec& spec, const ExecRequest& request, const OciHost& host);

/// The checks of oci_config, for drivers that write no bundle.
void check_spec(const JailSpec& spec);
void check_working_directory(const std::string& directory, const std::string& jail);

/// What is asked of the kernel for one limit: wanted, or our own hard ceiling where that is lower. Rlimit
/// kinds only.
std::uint64_t rlimit_to_ask(jail::LimitKind kind, std::uint64_t wanted, const OciHost& host);

} // namespace pkgjail::confine
