// A Driver without a kernel behind it: its "jails" are ordinary processes of this host, each in a session of
// its own, running the description's command unconfined and as the present user. For tests of what is built
// on confine/: no root, no runtime.
//
// Faithful in what callers can rely on: the order create, start, remove; the first process is the caller's
// child, stopped before exec until start(), and is the caller's to wait for; remove() ends every process of
// the session and may be called for what is not there; a missing program or working directory is
// Error{not_found}, acting on a jail that is not there Error{conflict}, wrong descriptions
// Error{configuration}. Not faithful: root, mounts, identity, limits, profile, network are recorded and not
// applied; who leaves the session gets away.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/base/fd.hpp"
#include "pkgjail/confine/driver.hpp"

namespace pkgjail::test {

class FakeDriver final : public confine::Driver {
  public:
    FakeDriver();
    FakeDriver(const FakeDriver&) = delete;
    FakeDriver& operator=(const FakeDriver&) = delete;
    /// Ends what is left and reaps it.
    ~FakeDriver() override;

    /// What was asked, a line a call: "create web: /bin/sleep 10", "start web", "exec web: /bin/true",
    /// "signal web 15", "pause web", "resume web", "remove web"; "cleared web" when create() met a jail of
    /// the same handle. Questions are not recorded.
    std::string calls() const;
    void forget_calls() { calls_.clear(); }
    /// The description that the last create() for this handle was given. Throws std::out_of_range when there
    /// was none.
    const confine::JailSpec& last_spec(const std::string& handle) const { return specs_.at(handle); }

    /// Called with each line of calls() before it is carried out; what it throws is what the call throws.
    std::function<void(std::string_view call)> on_call;
    /// Returned by usage().
    confine::Usage next_usage;
    /// Limits that read_limits() reports as unavailable.
    std::vector<jail::LimitKind> unavailable;
    confine::DriverInfo driver_info{"fake", "fake driver, nothing is confined", {}};

    const confine::DriverInfo& info() const override { return driver_info; }
    base::ProcessId create(const confine::JailSpec& spec, const base::HostPath& run_directory,
                           const confine::Streams& streams) override;
    void start(const confine::JailSpec& spec, const base::HostPath& run_directory) override;
    void remove(const std::string& handle, const base::HostPath& run_directory) override;
    bool exists(const std::string& handle, const base::HostPath& run_directory) const override;
    void signal_all(const std::string& handle, const base::HostPath& run_directory,
                    int signal_number) override;
    void pause(const std::string& handle, const base::HostPath& run_directory) override;
    void resume(const std::string& handle, const base::HostPath& run_directory) override;
    bool is_paused(const std::string& handle, const base::HostPath& run_directory) const override;
    std::vector<pid_t> processes(const std::string& handle,
                                 const base::HostPath& run_directory) const override;
    base::Exit exec(const confine::JailSpec& spec, const base::HostPath& run_directory,
                    const confine::ExecRequest& request) override;
    /// "spawn web: /bin/sleep 10"; the process founds a session of its own and belongs to the jail.
    base::ProcessId spawn(const confine::JailSpec& spec, const base::HostPath& run_directory,
                          const confine::ExecRequest& request, const confine::Streams& streams) override;
    std::vector<jail::LimitReading> read_limits(const confine::JailSpec& spec,
                                                const base::HostPath& run_directory) const override;
    /// Recorded with what it was asked for: "limits web cpu=50% memory=64M".
    void set_limits(const confine::JailSpec& spec, const base::HostPath& run_directory) override;
    confine::Usage usage(const std::string& handle, const base::HostPath& run_directory) const override;

  private:
    struct FakeJail {
        base::ProcessId first;
        base::Fd gate; ///< a byte sent here lets the first process go on; closed without one, it ends
        bool started = false;
        std::vector<pid_t> spawned; ///< each founded a session
    };
    std::vector<pid_t> members(const FakeJail& jail) const;
    std::pair<pid_t, base::Fd> fork_stopped(const confine::JailSpec& spec, const confine::Streams& streams);
    void record(std::string call);
    FakeJail& jail(const std::string& handle);
    const FakeJail& jail(const std::string& handle) const;
    void end_all(const std::string& handle);

    std::map<std::string, FakeJail> jails_;
    std::map<std::string, confine::JailSpec> specs_;
    std::vector<std::string> calls_;
};

/// Whether a signal has stopped this process.
bool stands_still(pid_t pid);

} // namespace pkgjail::test
