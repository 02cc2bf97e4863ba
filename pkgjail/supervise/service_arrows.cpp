// The arrows of the diagram in service_state.hpp: what is done when the service goes from one state to the
// next.
#include <cerrno>

#include <sys/wait.h>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/supervise/attempt.hpp"
#include "pkgjail/supervise/memory.hpp"
#include "pkgjail/supervise/service_keeper.hpp"

namespace pkgjail::supervise {

namespace {

using std::chrono::milliseconds;

/// Without it the supervisor would never hear of the service's end.
void check_is_child(pid_t pid) {
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0)
        throw base::system_error(errno, "first process " + std::to_string(pid), "wait for it");
}

void check_all_enforced(const jail::Limits& limits, const std::vector<jail::LimitReading>& readings) {
    if (!limits.require_enforced)
        return;
    std::size_t enforced = 0;
    for (const jail::LimitReading& reading : readings) {
        if (reading.enforcement != jail::Enforcement::enforced)
            throw base::Error(base::ErrorKind::denied, "limit " + std::string(jail::limit_name(reading.kind)),
                              fmt::format("is {} ({}), {}", jail::enforcement_name(reading.enforcement),
                                          reading.mechanism, must_be_enforced));
        ++enforced;
    }
    if (enforced < limits.wanted.size())
        throw base::Error(
            base::ErrorKind::denied, "limits",
            fmt::format("{} of {} could be read back, {}", enforced, limits.wanted.size(), must_be_enforced));
}

} // namespace

void ServiceKeeper::enter(ServiceState state, std::string reason) {
    status_.state = state;
    status_.reason = std::move(reason);
    changed_ = true;
}

void ServiceKeeper::note(std::string text) noexcept {
    try {
        log_.append({base::wall_now(), "sup", std::move(text)});
    } catch (const std::exception&) {
        // No memory for a word of our own: the state file has the reason.
    }
}

void ServiceKeeper::tell(jail::NotifyEvent event, const std::string& reason) {
    notifier_.tell({event, service_.service.name, reason, status_.restarts});
}

void ServiceKeeper::clear_timers() {
    for (auto* timer :
         {&settled_at_, &next_probe_at_, &restart_at_, &kill_at_, &watch_at_, &look_at_, &gone_at_})
        timer->reset();
}

// stopped, backoff → starting

void ServiceKeeper::start_service() {
    clear_timers();
    usage_looks_.forget();
    ending_ = Ending::none;
    adopting_ = false;
    first_well_ = told_first_ = false;
    probe_count_.begin();
    if (status_.state == ServiceState::backoff)
        ++status_.restarts;
    enter(ServiceState::starting, status_.restarts == 0 ? "launched" : "restarted after " + status_.reason);
    status_.service.reset();
    status_.followed.reset();
    followed_.reset();
    last_refusal_ = "is not there";
    look_pause_ = ProbeCount::first_pause;
    status_.started_at = base::wall_now();
    status_.ready_at.reset();
    status_.last_probe.clear();
    status_.limits.clear();
    save();

    try {
        create_jail();
        driver_.start(service_.spec, run_directory_);
        record_limits();
    } catch (const base::Error& error) {
        std::string reason = error.what();
        remove_jail();
        output_.finish();
        status_.service.reset();
        note("could not be started: " + reason);
        // What the kernel or the runtime refuses at once it will refuse again; what it refuses after a month
        // may be a shortage that passes.
        if (ever_ready_)
            restart_or_fail(reason, true);
        else
            fail(reason);
        return;
    }
    started_ = base::steady_now();
    note(fmt::format("started as process {}", status_.service->pid));
    if (!service_.spec.limits.wanted.empty())
        watch_at_ = started_ + LimitWatch::interval;
    if (service_.service.pid_file.empty())
        await_ready();
    else
        look_at_ = started_ + look_pause_;
    return_free_memory();
}

void ServiceKeeper::await_ready() {
    const base::SteadyTime now = base::steady_now();
    if (service_.health.probe)
        next_probe_at_ = now + probe_count_.pause();
    else
        settled_at_ = now + settling;
}

void ServiceKeeper::create_jail() {
    output_.open(service_.spec.identity);
    base::ProcessId first = driver_.create(service_.spec, run_directory_,
                                           {-1, output_.output_for_service(), output_.error_for_service()});
    output_.close_service_ends();
    check_is_child(first.pid);
    running_ = true;
    status_.service = first;
    changed_ = true;
    // Written before the program runs: a supervisor killed from here on leaves a service that can be found.
    save();
}

void ServiceKeeper::record_limits() {
    try {
        status_.limits = driver_.read_limits(service_.spec, run_directory_);
    } catch (const base::Error& error) {
        // A service that has ended already has no limits to read; its exit says more, and the loop takes it.
        if (service_.spec.limits.require_enforced && base::is_alive(*status_.service))
            throw;
        note(std::string("limits could not be read back: ") + error.what());
        return;
    }
    changed_ = true;
    check_all_enforced(service_.spec.limits, status_.limits);
}

// starting → ready, unhealthy → ready

void ServiceKeeper::become_ready(const std::string& why) {
    settled_at_.reset();
    if (!first_well_ && !further_.empty())
        note(service_.service.name + ": ready: " + why);
    const bool was_ill = status_.state == ServiceState::unhealthy && !first_well_;
    first_well_ = true;
    first_why_ = why;
    if (!further_are_ready())
        return; // watch_further() comes back here
    if (!status_.ready_at) {
        status_.ready_at = base::wall_now();
        auto taken = std::chrono::duration_cast<milliseconds>(base::steady_now() - started_);
        note(fmt::format("ready after {}: {}", show_duration(taken), why));
    } else {
        note("ready again: " + why);
    }
    ever_ready_ = true;
    if (was_ill)
        tell(jail::NotifyEvent::well, why);
    enter(ServiceState::ready, why);
    return_free_memory();
}

// starting → (ended, then) backoff: a probe failed and the grace is over

void ServiceKeeper::give_up_start(const std::string& why) {
    ending_ = Ending::not_ready;
    ending_reason_ = fmt::format("not ready within {}", show_duration(service_.health.grace));
    if (!why.empty())
        ending_reason_ += ": " + why;
    note(ending_reason_);
    enter(ServiceState::starting, ending_reason_);
    drop_probe();
    signal_service();
}

// unhealthy → (ended, then) backoff or failed: when the recipe says so

void ServiceKeeper::end_unhealthy(const std::string& reason) {
    const bool again = service_.health.on_failure == jail::Health::OnFailure::restart;
    ending_ = again ? Ending::not_ready : Ending::given_up;
    ending_reason_ = reason;
    note(again ? "ended to be started again" : "ended, as its recipe says");
    drop_probe();
    signal_service();
}

// every state → stopping

void ServiceKeeper::begin_stop(const std::string& reason) {
    if (over_ || ending_ == Ending::by_request)
        return;
    bool told_already = ending_ != Ending::none;
    ending_ = Ending::by_request;
    ending_reason_ = reason;
    note("stopping: " + reason);
    drop_probe();
    if (!running_) {
        become_stopped();
        return;
    }
    enter(ServiceState::stopping, reason);
    if (!told_already && !stop_next_further())
        signal_service();
}

/// Asks the first process to end, and sets the time when it is not asked any more.
void ServiceKeeper::signal_service() {
    told_first_ = true;
    auto deadline = kill_at_;
    clear_timers();
    kill_at_ = deadline.value_or(base::steady_now() + service_.service.stop_timeout);
    // Nobody knows yet who the service is: then all of them are asked. The first one does not listen.
    if (!service_.service.pid_file.empty() && !followed_) {
        try {
            driver_.signal_all(service_.spec.handle, run_directory_, service_.service.stop_signal);
        } catch (const base::Error&) {
            // Gone already: its exit is on its way to the loop.
        }
        return;
    }
    base::send_signal(service_process(), service_.service.stop_signal); // gone already: as above
}

void ServiceKeeper::kill_service() {
    note(fmt::format("did not end within {} of signal {}: killed",
                     show_duration(service_.service.stop_timeout), service_.service.stop_signal));
    std::optional<base::Exit> exit = remove_jail();
    if (!exit)
        throw base::Error(base::ErrorKind::system, "process " + std::to_string(status_.service->pid),
                          "has not ended although its jail was removed");
    service_ended(*exit);
}

// starting, ready, unhealthy, stopping → backoff, failed, stopped: the first process has ended

void ServiceKeeper::service_ended(const base::Exit& exit) {
    service_over(exit.describe(), exit.success());
}

void ServiceKeeper::service_over(const std::string& how, bool success) {
    running_ = false;
    status_.last_exit = how;
    changed_ = true;
    bool was_starting = status_.state == ServiceState::starting;
    clear_timers();
    drop_probe();
    // The rest of the jail ends with its first process, everywhere alike; only then is the output complete.
    count_run();
    driver_.remove(service_.spec.handle, run_directory_);
    forget_further();
    status_.service.reset();
    status_.followed.reset();
    const bool was_followed = followed_.has_value();
    followed_.reset();
    output_.finish();
    note("ended with " + status_.last_exit);

    switch (ending_) {
    case Ending::by_request:
        become_stopped();
        break;
    case Ending::given_up:
        fail(ending_reason_);
        break;
    case Ending::not_ready:
        restart_or_fail(ending_reason_, true);
        break;
    case Ending::none:
        // The usual cause of a quick and clean end is a program that goes into the background, out of our
        // sight.
        if (was_starting && success && !service_.service.pid_file.empty() && !was_followed)
            restart_or_fail(left_no_process(service_.service.pid_file, last_refusal_), false);
        else if (was_starting && success)
            restart_or_fail(in_the_background, false);
        else
            restart_or_fail(status_.last_exit, !success);
        break;
    }
}

void ServiceKeeper::restart_or_fail(const std::string& reason, bool failure) {
    const RestartVerdict verdict =
        budget_.judge({reason, failure, service_.attended && !ever_ready_}, base::steady_now());
    if (!verdict.again_in) {
        fail(verdict.reason);
        return;
    }
    restart_at_ = base::steady_now() + *verdict.again_in;
    enter(ServiceState::backoff, verdict.reason);
    note(fmt::format("will be started again in {}", show_duration(*verdict.again_in)));
    tell(jail::NotifyEvent::restart, verdict.reason);
}

void ServiceKeeper::fail(const std::string& reason) {
    clear_timers();
    enter(ServiceState::failed, reason);
    note("failed: " + reason);
    tell(jail::NotifyEvent::failed, reason);
    over_ = true;
    exit_status_ = 1;
}

void ServiceKeeper::become_stopped() {
    clear_timers();
    enter(ServiceState::stopped, ending_reason_);
    over_ = true;
}

/// Something that has no arrow went wrong: no jail stays behind without a supervisor, if it can be helped.
void ServiceKeeper::give_up(const std::string& reason) noexcept {
    try {
        std::string whole = reason;
        try {
            remove_jail();
            status_.service.reset();
        } catch (const std::exception& error) {
            whole += fmt::format(" (and its jail could not be removed: {})", error.what());
        }
        drop_probe();
        output_.finish();
        fail(whole);
    } catch (const std::exception&) {
        status_.state = ServiceState::failed;
        changed_ = true;
        over_ = true;
        exit_status_ = 1;
    }
}

std::optional<base::Exit> ServiceKeeper::remove_jail() {
    count_run();
    driver_.remove(service_.spec.handle, run_directory_);
    forget_further();
    std::optional<base::Exit> exit = take_exit(true);
    if (exit)
        status_.last_exit = exit->describe();
    return exit;
}

// Probes

void ServiceKeeper::start_probe() {
    if (!running_ || ending_ != Ending::none)
        return;
    ProbeTarget target{*service_.health.probe, service_.health.timeout, driver_, service_.spec,
                       run_directory_};
    probe_ = std::make_unique<ProbeProcess>(target, [this] { close_copies_in_child(); });
}

/// A probe of a service that is ending has nothing to say any more. It is reaped as an orphan.
void ServiceKeeper::drop_probe() {
    probe_.reset();
    next_probe_at_.reset();
}

void ServiceKeeper::probe_ended(const base::Exit& exit) {
    bool hung = probe_->timed_out();
    ProbeResult result = probe_->finish(exit);
    probe_.reset();
    if (hung && service_.health.probe->kind == jail::Probe::Kind::command) {
        adopting_ = true;
        kill_adopted(driver_, service_.spec, run_directory_, own_processes());
    }
    const base::SteadyTime now = base::steady_now();
    if (!result.counts) {
        next_probe_at_ = now + probe_count_.pause();
        return;
    }
    if (result.detail != status_.last_probe) {
        status_.last_probe = result.detail;
        changed_ = true;
    }
    const auto age = std::chrono::duration_cast<milliseconds>(now - started_);
    const ProbeCount::Meaning meaning = probe_count_.take(result.healthy, status_.state, age);
    next_probe_at_ = now + probe_count_.pause();
    switch (meaning) {
    case ProbeCount::Meaning::nothing:
        return;
    case ProbeCount::Meaning::ready:
        become_ready(result.detail);
        return;
    case ProbeCount::Meaning::too_late:
        give_up_start(result.detail);
        return;
    case ProbeCount::Meaning::unhealthy:
        break;
    }
    const std::string reason = "probe: " + result.detail;
    if (status_.state == ServiceState::ready) {
        note(fmt::format("unhealthy after {} failed probes: {}", probe_count_.failures(), result.detail));
        tell(jail::NotifyEvent::unhealthy, reason);
    }
    if (status_.state == ServiceState::ready || status_.reason != reason)
        enter(ServiceState::unhealthy, reason);
    first_well_ = false;
    if (service_.health.on_failure != jail::Health::OnFailure::none)
        end_unhealthy(reason);
}

} // namespace pkgjail::supervise
