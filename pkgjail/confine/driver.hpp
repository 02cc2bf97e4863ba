// One interface over the kernel. `oci` on Linux (the host's OCI runtime), `kmod` on NetBSD (our module);
// tests have a fake.
//
// Life of a jail in the kernel: create → (start → processes run → their end) → remove. The process that calls
// create() gets the jail's first process as its child (it must be a subreaper; become_reaper()) and waits for
// it itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/base/process.hpp"
#include "pkgjail/base/tree.hpp"
#include "pkgjail/confine/spec.hpp"

namespace pkgjail::confine {

/// Descriptors 0-2 of the jail's first process; -1 is /dev/null.
struct Streams {
    int input = -1;
    int output = -1;
    int error = -1;
};

/// What the jail uses now; unset: this host cannot tell.
struct Usage {
    std::optional<std::uint64_t> cpu_usec; ///< consumed so far
    std::optional<std::uint64_t> memory_bytes;
    std::optional<std::uint64_t> memory_peak_bytes;
    std::optional<std::uint64_t> processes;
    std::optional<std::uint64_t> io_read_bytes;
    std::optional<std::uint64_t> io_write_bytes;
    std::optional<std::uint64_t> memory_limit_hits;
    std::optional<std::uint64_t>
        memory_kills; ///< processes that the kernel ended because of the memory limit
    std::optional<std::uint64_t> process_limit_hits;
    std::optional<std::uint64_t> throttled_usec; ///< time in which the cpu limit held it back
    std::optional<std::uint64_t> net_in_bytes;   ///< to the jail, over its private network
    std::optional<std::uint64_t> net_out_bytes;  ///< from it
};

/// How well a jail is held to the ports that it claims.
struct PortsReading {
    jail::Enforcement tcp = jail::Enforcement::advisory;
    std::string tcp_mechanism; ///< "Landlock, whatever the address"; what is advisory: why
    jail::Enforcement udp = jail::Enforcement::advisory;
    std::string udp_mechanism;
};

struct ExecRequest {
    std::vector<std::string> command;
    std::map<std::string, std::string> environment;
    std::string working_directory = "/";
    Identity identity;
    bool terminal = false; ///< give it a terminal of its own, connected to ours
};

/// What confines on this host, for doctor and status.
struct DriverInfo {
    std::string name;               ///< "oci", "kmod"
    std::string detail;             ///< "runc 1.1.5, cgroup v1 (hybrid)"
    std::vector<std::string> notes; ///< what is missing or was tried in vain, a line each
};

class Driver {
  public:
    virtual ~Driver() = default;
    virtual const DriverInfo& info() const = 0;

    /// Makes the jail with its first process stopped just before exec. Whatever an earlier jail with the same
    /// handle left is removed first. Everything done is undone when it throws. `run_directory` is the jail's
    /// own (0700), for the driver's files.
    virtual base::ProcessId create(const JailSpec& spec, const base::HostPath& run_directory,
                                   const Streams& streams) = 0;
    /// Makes the jail's network, where it has one of its own, that of the calling process: for one that asks
    /// the jail something and then ends. Otherwise nothing is done.
    virtual void enter_network(const JailSpec& spec, const base::HostPath& run_directory) const;
    /// Tries whether jails can learn here (JailSpec::learning). Throws Error{configuration} that says why
    /// not.
    virtual void check_learning();
    /// Lets the first process go on into its command.
    virtual void start(const JailSpec& spec, const base::HostPath& run_directory) = 0;
    /// Kills every process of the jail, unmounts and forgets it. Nothing there: nothing done. Returns when
    /// the kernel has no trace of it any more.
    virtual void remove(const std::string& handle, const base::HostPath& run_directory) = 0;

    /// Every jail made from this state directory that is still known to the kernel or the runtime: running,
    /// ended, or left half-made by a command that was killed. For sweeping: remove() takes each, with any run
    /// directory. A driver that keeps nothing beyond its own life has none to tell.
    virtual std::vector<std::string> handles() const { return {}; }
    virtual bool exists(const std::string& handle, const base::HostPath& run_directory) const = 0;
    /// To every process in the jail.
    virtual void signal_all(const std::string& handle, const base::HostPath& run_directory,
                            int signal_number) = 0;
    virtual void pause(const std::string& handle, const base::HostPath& run_directory) = 0;
    virtual void resume(const std::string& handle, const base::HostPath& run_directory) = 0;
    /// Whether its processes stand still; false where there is no such jail.
    virtual bool is_paused(const std::string& handle, const base::HostPath& run_directory) const = 0;
    virtual std::vector<pid_t> processes(const std::string& handle,
                                         const base::HostPath& run_directory) const = 0;

    /// Runs a further process inside, with our own descriptors 0-2, and waits. Returns its exit.
    virtual base::Exit exec(const JailSpec& spec, const base::HostPath& run_directory,
                            const ExecRequest& request) = 0;

    /// Starts a further process inside with these descriptors 0-2 and does not wait for its end. The caller
    /// gets it as its child and waits for it; it ends with the jail. Throws as exec() does, and
    /// Error{configuration} where the driver has no means for it.
    virtual base::ProcessId spawn(const JailSpec& spec, const base::HostPath& run_directory,
                                  const ExecRequest& request, const Streams& streams);

    /// Puts the secrets of `spec` as they are now into a jail that is made; create() has done so already.
    /// Throws what reading them throws, and Error{configuration} where the driver has no means for it.
    virtual void put_secrets(const JailSpec& spec, const base::HostPath& run_directory);

    /// The process of a jail that has this number in the jail's own view; nullopt when the jail has none.
    virtual std::optional<base::ProcessId>
    process_inside(const std::string& handle, const base::HostPath& run_directory, pid_t inner_pid) const;
    /// The root of a jail that runs as its processes see it. Error{conflict} when it does not run.
    virtual base::Tree open_root(const std::string& handle, const base::HostPath& run_directory) const;
    /// Tells the first process of a jail that `holds` which process its service is, so that it ends with that
    /// one and with its exit status. False when the first process is gone.
    virtual bool tell_service(const base::ProcessId& first, pid_t inner_pid) const;

    /// Reads every wanted limit back from the kernel.
    virtual std::vector<jail::LimitReading> read_limits(const JailSpec& spec,
                                                        const base::HostPath& run_directory) const = 0;
    /// Gives a jail that runs the limits of `spec` in place of those it has: for its processes of now and
    /// later. A limit that `spec` does not have is lifted. Error{denied} names the limit that the kernel does
    /// not take, for example memory below what is in use; what was changed before stays changed, so the
    /// caller sets the former ones again. A limit that this host cannot enforce at all is passed over:
    /// read_limits() tells of it.
    virtual void set_limits(const JailSpec& spec, const base::HostPath& run_directory);
    virtual Usage usage(const std::string& handle, const base::HostPath& run_directory) const = 0;
    /// What holds a jail that runs to its ports.
    virtual PortsReading read_ports(const std::string& handle, const base::HostPath& run_directory) const;
};

/// The driver of this host, probed: on Linux the first OCI runtime (the configured one, else crun, runc,
/// youki in /usr/bin …) that really makes and removes a tiny jail here, remembered in
/// `state_directory`/run/driver.json until runtime or kernel change; on NetBSD the kernel module, loaded when
/// it is not there. Throws Error{denied} that says what was tried, why each failed and what to install.
std::unique_ptr<Driver> open_driver(const base::HostPath& state_directory,
                                    const std::string& configured_runtime = {});

/// Makes the calling process the one that inherits orphans below it (PR_SET_CHILD_SUBREAPER; nothing to do
/// where jails are our children anyway).
void become_reaper();

} // namespace pkgjail::confine
