// A further service of a jail: the second [service] of its recipe, or a later one. It runs inside the jail
// that the first one began and ends with that; within this it has its own readiness, restarts and state. The
// keeper decides when its turn comes, and calls everything here from its loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <poll.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/process_watch.hpp"
#include "pkgjail/supervise/control.hpp"
#include "pkgjail/supervise/notifier.hpp"
#include "pkgjail/supervise/output.hpp"
#include "pkgjail/supervise/probe_count.hpp"
#include "pkgjail/supervise/probe_process.hpp"
#include "pkgjail/supervise/restart.hpp"
#include "pkgjail/supervise/supervisor.hpp"

namespace pkgjail::supervise {

class FurtherService {
  public:
    /// What it shares with the jail's first service; everything outlives it.
    struct Surroundings {
        confine::Driver& driver;
        const confine::JailSpec& spec;
        const base::HostPath& run_directory;
        const std::optional<base::ProcessId>& first; ///< the jail's first process, while it runs
        ServiceLog& log;
        bool attended; ///< as SupervisedService::attended
        std::function<void()> in_child;
        std::function<void(const Notice& notice)> tell; ///< the operator
    };
    FurtherService(const FurtherServiceSpec& what, Surroundings around);

    const ServicePart& part() const { return part_; }
    /// Whether part() is another one than at the last call.
    bool take_changed() { return std::exchange(changed_, false); }
    bool is_running() const { return running_; }
    bool is_up() const { return running_ && ending_ == Ending::none; } ///< and was not told to end
    const std::string& name() const { return part_.name; }
    /// Our child, while it was not waited for; -1: none. Where a pid file names another process, it may stay
    /// beside that.
    pid_t command() const { return command_; }

    /// stopped, backoff → starting. A start that fails is a state, no exception.
    void start();
    /// Every state → stopping, or stopped at once when it does not run.
    void begin_stop();
    /// Its process is gone with the whole jail; it waits for its turn again.
    void jail_gone();
    /// Sends the reload signal; false where it has none or does not run.
    bool reload();
    /// What the operator asks of this one alone; the answer of the control socket. One that was stopped so
    /// stays down until it is started so, or the jail is.
    std::string ask(ControlVerb verb);
    bool is_set_aside() const { return set_aside_; }
    /// Services that have to be ready before it is started.
    const std::vector<std::string>& after() const { return what_.service.after; }
    bool was_ready() const { return ready_in_jail_; } ///< since the jail's present start

    bool owns(pid_t pid) const;
    /// Kills what the process has left in its group; while the kernel still keeps its number for it.
    void about_to_be_reaped(pid_t pid) noexcept;
    /// One of its own, its process or its probe, was waited for. True: it was a command that had to be
    /// killed, and may have left a process in the jail.
    bool reaped(pid_t pid, const base::Exit& exit);

    void add_descriptors(std::vector<struct pollfd>& waiting) const;
    std::optional<base::SteadyTime> next_deadline() const;
    /// Takes what its pipes have; never blocks.
    void read() noexcept;
    void handle_timers(base::SteadyTime now);

  private:
    enum class Ending { none, by_request, not_ready, given_up, restart };

    void enter(ServiceState state, std::string reason);
    void note(const std::string& text);
    void tell(jail::NotifyEvent event, const std::string& reason);
    void clear_timers();
    void end(Ending ending, const std::string& reason);
    void kill(); ///< with what is in its process group
    void become_ready(const std::string& why);
    void command_ended(const base::Exit& exit);
    void ended(const std::string& how, bool success);
    void await_ready();
    void look_for_process(); ///< at the pid file
    void restart_or_fail(const std::string& reason, bool failure);
    void fail(const std::string& reason);
    void start_probe();
    void probe_ended(const base::Exit& exit);

    const FurtherServiceSpec what_;
    const Surroundings around_;
    confine::JailSpec spec_; ///< the jail's at the last start, with this service's command and identity
    ServiceOutput output_;
    RestartBudget budget_;
    ServicePart part_;
    bool changed_ = true;

    Ending ending_ = Ending::none;
    std::string ending_reason_;
    bool running_ = false;       ///< its command, or the process that the pid file names
    bool set_aside_ = false;     ///< stopped by the operator, alone
    bool was_ready_ = false;     ///< since its present start
    bool ready_in_jail_ = false; ///< since the jail's present start
    bool ever_ready_ = false;    ///< since the supervisor was launched

    pid_t command_ = -1; ///< child of ours that was not waited for; -1: none
    base::WallTime started_at_;
    std::optional<base::ProcessWatch> followed_;
    std::string last_refusal_; ///< of the pid file
    std::chrono::milliseconds look_pause_{0};

    std::unique_ptr<ProbeProcess> probe_;
    ProbeCount probe_count_;
    base::SteadyTime started_;
    std::optional<base::SteadyTime> settled_at_;
    std::optional<base::SteadyTime> next_probe_at_;
    std::optional<base::SteadyTime> restart_at_;
    std::optional<base::SteadyTime> kill_at_;
    std::optional<base::SteadyTime> look_at_;
};

} // namespace pkgjail::supervise
