// The driver of Linux: jails made by the host's OCI runtime. The runtime is run for each act and gone
// afterwards; what stays is the kernel's (namespaces, control groups) and three small places on disk:
//
//     STATE/run/oci/<handle>/      what the runtime remembers of the jail
//     RUN/oci/config.json          the bundle
//     RUN/oci/process.json         pid and start time of the first process
//
// and a note of private networks (private_network.hpp).
//
// Clearing a jail away needs none of them: its control groups have its name.
#pragma once

#include <map>
#include <vector>

#include "pkgjail/confine/cgroup.hpp"
#include "pkgjail/confine/driver.hpp"
#include "pkgjail/confine/members.hpp"
#include "pkgjail/confine/mount_points.hpp"
#include "pkgjail/confine/oci_runtime.hpp"
#include "pkgjail/confine/oci_spec.hpp"
#include "pkgjail/confine/private_network.hpp"

namespace pkgjail::confine {

class OciDriver final : public Driver {
  public:
    OciDriver(OciRuntime runtime, OciHost host, std::vector<CgroupHierarchy> hierarchies, DriverInfo info);

    const DriverInfo& info() const override { return info_; }
    base::ProcessId create(const JailSpec& spec, const base::HostPath& run_directory,
                           const Streams& streams) override;
    void enter_network(const JailSpec& spec, const base::HostPath& run_directory) const override;
    void check_learning() override;
    void start(const JailSpec& spec, const base::HostPath& run_directory) override;
    void remove(const std::string& handle, const base::HostPath& run_directory) override;
    std::vector<std::string> handles() const override;
    bool exists(const std::string& handle, const base::HostPath& run_directory) const override;
    void signal_all(const std::string& handle, const base::HostPath& run_directory,
                    int signal_number) override;
    void pause(const std::string& handle, const base::HostPath& run_directory) override;
    void resume(const std::string& handle, const base::HostPath& run_directory) override;
    bool is_paused(const std::string& handle, const base::HostPath& run_directory) const override;
    std::vector<pid_t> processes(const std::string& handle,
                                 const base::HostPath& run_directory) const override;
    /// A program that ends by itself gives its exit status as it is, 126 and 127 included; one that a signal
    /// ended gives 128 + the signal's number, because the runtime stands between. A program that is not there
    /// or cannot be executed is no exit status but an Error (not_found, denied), as is a jail that does not
    /// run (conflict).
    base::Exit exec(const JailSpec& spec, const base::HostPath& run_directory,
                    const ExecRequest& request) override;
    base::ProcessId spawn(const JailSpec& spec, const base::HostPath& run_directory,
                          const ExecRequest& request, const Streams& streams) override;
    base::Tree open_root(const std::string& handle, const base::HostPath& run_directory) const override;
    std::vector<jail::LimitReading> read_limits(const JailSpec& spec,
                                                const base::HostPath& run_directory) const override;
    void set_limits(const JailSpec& spec, const base::HostPath& run_directory) override;
    Usage usage(const std::string& handle, const base::HostPath& run_directory) const override;
    void put_secrets(const JailSpec& spec, const base::HostPath& run_directory) override;
    PortsReading read_ports(const std::string& handle, const base::HostPath& run_directory) const override;
    /// Whether a process that is added to the jail is refused a port that the jail does not claim. For the
    /// probe.
    bool refuses_ports(const JailSpec& spec, const base::HostPath& run_directory) const;

  private:
    /// Checks what the runtime would say badly, and writes the description of a process for it.
    base::HostPath prepare_exec(const JailSpec& spec, const base::HostPath& run_directory,
                                const ExecRequest& request, const Entrance& entrance) const;
    Entrance entrance_into(const base::HostPath& run_directory) const;
    Members members_of(const std::string& handle, const base::HostPath& run_directory) const;
    /// Error{conflict} when there is no such jail.
    Members running_members(const std::string& handle, const base::HostPath& run_directory) const;
    /// Where an ordinary user has control groups, the jail is put into them; its limits are set there.
    void use_delegated(const JailSpec& spec, const base::HostPath& bundle, pid_t first) const;
    base::ProcessId finish_create(const JailSpec& spec, const base::HostPath& run_directory) const;
    jail::LimitReading read_limit(const JailSpec& spec, jail::LimitKind kind, std::uint64_t wanted,
                                  const JailCgroup& cgroup, const base::HostPath& run_directory) const;

    OciRuntime runtime_;
    PrivateNetworks networks_;
    OciHost host_;
    std::vector<CgroupHierarchy> hierarchies_;
    DriverInfo info_;
    std::map<std::string, Entrance> entering_; ///< of jails that hold, between create and start
};

/// Where bundles lie in a jail's run directory.
base::HostPath bundle_directory(const base::HostPath& run_directory);

} // namespace pkgjail::confine
