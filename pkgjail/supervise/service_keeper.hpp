// The supervisor's core: one service, its jail, its timers, and the loop around them. The states and arrows
// are those of service_state.hpp; service_keeper.cpp has the loop, service_arrows.cpp what happens on each
// arrow.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/process_watch.hpp"
#include "pkgjail/supervise/control.hpp"
#include "pkgjail/supervise/disk_watch.hpp"
#include "pkgjail/supervise/further_service.hpp"
#include "pkgjail/supervise/learned.hpp"
#include "pkgjail/supervise/limit_watch.hpp"
#include "pkgjail/supervise/notifier.hpp"
#include "pkgjail/supervise/output.hpp"
#include "pkgjail/supervise/probe_count.hpp"
#include "pkgjail/supervise/probe_process.hpp"
#include "pkgjail/supervise/restart.hpp"
#include "pkgjail/supervise/service_log.hpp"
#include "pkgjail/supervise/signals.hpp"
#include "pkgjail/supervise/state_file.hpp"
#include "pkgjail/supervise/supervisor.hpp"
#include "pkgjail/supervise/usage_looks.hpp"

namespace pkgjail::supervise {

/// What is said of a service that ended at once with status 0.
inline constexpr const char* in_the_background =
    "ended with exit status 0: it must stay in the foreground, or its recipe name a pid-file";
/// And of one whose pid file helps nobody.
std::string left_no_process(const std::string& pid_file, const std::string& refusal);

class ServiceKeeper {
  public:
    /// Without a probe a service counts as ready when it has lived so long.
    static constexpr std::chrono::milliseconds settling{300};

    /// The caller holds the supervisor's lock, and no jail of this handle is left. Writes the first state;
    /// throws Error{system} when that fails.
    ServiceKeeper(base::HostPath run_directory, confine::Driver& driver, SupervisedService service,
                  SignalPipe& signals);
    /// Until the service is stopped or failed, with nothing left of its jail. Returns the supervisor's exit
    /// status.
    int run() noexcept;

  private:
    // The loop
    template <class Work>
    void guarded(Work&& work) noexcept;
    void wait_for_events();
    void handle_events();
    void handle_timers();
    void reap();
    std::optional<std::string> handle_request(const ControlRequest& request);
    std::optional<base::SteadyTime> next_deadline() const;
    void save() noexcept;
    void tell_waiting() noexcept;
    bool settled() const;

    // The arrows
    void start_service();
    void create_jail();
    void record_limits();
    std::string change_limits(); ///< answers the request
    void watch_limits();
    void watch_disk();
    void measured_disk();
    void service_ended(const base::Exit& exit);
    void service_over(const std::string& how, bool success);
    void await_ready();
    void look_for_service(); ///< at the pid file
    bool followed_is_over() const;
    void followed_has_ended();
    const base::ProcessId& service_process() const; ///< the followed one, else the first
    void restart_or_fail(const std::string& reason, bool failure);
    void become_ready(const std::string& why);
    void give_up_start(const std::string& why);
    void end_unhealthy(const std::string& reason);
    void begin_stop(const std::string& reason);
    void signal_service();
    void kill_service();
    void fail(const std::string& reason);
    void give_up(const std::string& reason) noexcept;
    void become_stopped();

    // The further services (service_further.cpp)
    void watch_further();
    bool further_are_ready() const;
    bool is_its_turn(const FurtherService& further) const;
    bool stop_next_further();
    void forget_further();
    std::optional<std::string> renew_secrets();
    std::string reload();
    std::string ask_service(const ControlRequest& request); ///< one of several

    // Probes
    void start_probe();
    void probe_ended(const base::Exit& exit);
    void drop_probe();

    // Small things
    void enter(ServiceState state, std::string reason);
    void note(std::string text) noexcept;
    void tell(jail::NotifyEvent event, const std::string& reason);
    void clear_timers();
    /// Before the jail is removed, and with it the kernel's figures.
    void count_run() noexcept;
    /// Removes the jail and takes its first process's exit, if it was not taken yet.
    std::optional<base::Exit> remove_jail();
    std::optional<base::Exit> take_exit(bool patiently);
    std::vector<pid_t> own_processes() const;
    void close_copies_in_child() noexcept;

    const base::HostPath run_directory_;
    confine::Driver& driver_;
    SupervisedService service_; ///< but for its limits as it was launched
    SignalPipe& signals_;
    ServiceLog log_;
    ServiceOutput output_;
    RestartBudget budget_;
    ControlServer control_;

    RecordedStatus recorded_;
    ServiceStatus& status_ = recorded_.status;
    bool changed_ = true; ///< status_ differs from the file
    bool save_failed_ = false;

    /// Why the service is being ended, while it is.
    enum class Ending { none, by_request, not_ready, given_up };
    Ending ending_ = Ending::none;
    std::string ending_reason_;
    bool first_well_ = false; ///< the first service is ready, so the further ones may start
    std::string first_why_;   ///< why it is ready
    bool told_first_ = false; ///< while ending: the first process was sent its signal
    bool running_ = false;    ///< the first process exists and was not waited for
    bool ever_ready_ = false; ///< since the supervisor was launched
    bool over_ = false;
    int exit_status_ = 0;

    std::optional<base::ProcessWatch> followed_; ///< the process that the pid file names
    std::string last_refusal_;                   ///< why it names none
    std::chrono::milliseconds look_pause_{0};

    LimitWatch limit_watch_;
    UsageLooks usage_looks_;
    DiskWatch disk_watch_;
    Notifier notifier_;
    std::vector<std::unique_ptr<FurtherService>> further_;
    std::unique_ptr<Learning> learning_; ///< none: the profile's denials are denied

    std::unique_ptr<ProbeProcess> probe_;
    bool adopting_ = false; ///< a killed command probe may have left a process in the jail
    ProbeCount probe_count_;

    base::SteadyTime started_;
    base::SteadyTime saved_;
    std::optional<base::SteadyTime> settled_at_;
    std::optional<base::SteadyTime> next_probe_at_;
    std::optional<base::SteadyTime> restart_at_;
    std::optional<base::SteadyTime> kill_at_;
    std::optional<base::SteadyTime> look_at_; ///< at the pid file
    std::optional<base::SteadyTime> gone_at_; ///< the followed process is gone: so long the first may take
    std::optional<base::SteadyTime> save_at_;
    std::optional<base::SteadyTime> watch_at_;

    std::vector<struct pollfd> waiting_;
};

} // namespace pkgjail::supervise
