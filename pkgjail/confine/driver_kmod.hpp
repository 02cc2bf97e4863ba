// The driver of NetBSD: jails made by the kernel module in kmod/. Nothing runs for a jail but its own
// processes; what there is besides is the kernel's (the jail, its mounts) and one directory:
//
//     STATE/run/kmod/<handle>/root      where the jail's root is mounted together
//     STATE/run/kmod/<handle>/dev       where the nodes of its /dev are made
//     RUN/npf.rules, RUN/altq.conf      lines for the operator's packet filter and shaper, if they can be
//     used
//
// The directory of the handle is made first and removed last, so whatever a killed command left can be found
// by it. The module knows the jail by its handle.
#pragma once

#include <map>
#include <memory>

#include "pkgjail/confine/driver.hpp"
#include "pkgjail/confine/kmod_control.hpp"
#include "pkgjail/confine/kmod_host.hpp"

namespace pkgjail::confine {

class KmodDriver final : public Driver {
  public:
    /// Loads the module if need be; throws as KmodControl does.
    KmodDriver(std::unique_ptr<KmodHost> host, const base::HostPath& state_directory);

    const DriverInfo& info() const override { return info_; }
    /// The first process is a child of the caller. It waits on a pipe of this object: if that goes before
    /// start(), the process ends.
    base::ProcessId create(const JailSpec& spec, const base::HostPath& run_directory,
                           const Streams& streams) override;
    /// Throws Error{conflict} unless this object created the jail and has not started it yet.
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
    base::Exit exec(const JailSpec& spec, const base::HostPath& run_directory,
                    const ExecRequest& request) override;
    base::ProcessId spawn(const JailSpec& spec, const base::HostPath& run_directory,
                          const ExecRequest& request, const Streams& streams) override;
    base::Tree open_root(const std::string& handle, const base::HostPath& run_directory) const override;
    std::vector<jail::LimitReading> read_limits(const JailSpec& spec,
                                                const base::HostPath& run_directory) const override;
    /// What the module holds changes at once. Limits of single processes are set process by process; one that
    /// is lifted becomes what this process has itself, as at a start. Error{denied} for memory below what is
    /// in use, of which the module would make room by killing.
    void set_limits(const JailSpec& spec, const base::HostPath& run_directory) override;
    Usage usage(const std::string& handle, const base::HostPath& run_directory) const override;
    void put_secrets(const JailSpec& spec, const base::HostPath& run_directory) override;
    PortsReading read_ports(const std::string& handle, const base::HostPath& run_directory) const override;

  private:
    void write_network_lines(const JailSpec& spec, const base::HostPath& run_directory) const;
    void set_for_all(const pkgjail_ref& ref, const std::string& handle, jail::LimitKind kind, unsigned number,
                     const ProcessRlimit& wanted);
    base::HostPath place_of(const std::string& handle) const;
    pkgjail_stat running(const std::string& handle) const;
    EntryPlan plan_of(const JailSpec& spec, const pkgjail_ref& ref) const;
    EntryPlan further_plan(const JailSpec& spec, const ExecRequest& request) const;

    std::unique_ptr<KmodHost> host_;
    base::HostPath places_; ///< STATE/run/kmod, without symbolic links on the way
    KmodControl control_;
    DriverInfo info_;
    std::map<std::string, std::unique_ptr<Entrant>> waiting_; ///< created and not started, by handle
};

/// The driver on this host's kernel; there is one on NetBSD only.
std::unique_ptr<Driver> open_kmod_driver(const base::HostPath& state_directory);

} // namespace pkgjail::confine
