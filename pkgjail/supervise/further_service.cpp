#include "pkgjail/supervise/further_service.hpp"

#include <algorithm>
#include <csignal>

#include <unistd.h>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/supervise/attempt.hpp"
#include "pkgjail/supervise/service_keeper.hpp"

namespace pkgjail::supervise {

namespace {

using std::chrono::milliseconds;

confine::JailSpec spec_of(const FurtherServiceSpec& what, const confine::JailSpec& jail) {
    confine::JailSpec spec = jail;
    spec.command = what.service.command;
    spec.working_directory = what.service.working_directory;
    spec.environment = what.environment;
    spec.identity = what.identity;
    return spec;
}

/// Only a group of its own: killing any other would hit somebody else.
void kill_group(pid_t pid) noexcept {
    if (::getpgid(pid) == pid)
        ::kill(-pid, SIGKILL);
}

} // namespace

FurtherService::FurtherService(const FurtherServiceSpec& what, Surroundings around)
    : what_(what), around_(std::move(around)), spec_(spec_of(what, around_.spec)),
      output_(around_.log, what.service.name), budget_(what.service.restart),
      probe_count_(what_.service.health) {
    part_.name = what_.service.name;
    part_.reason = "waits for its turn";
}

void FurtherService::enter(ServiceState state, std::string reason) {
    part_.state = state;
    part_.reason = std::move(reason);
    changed_ = true;
}

void FurtherService::note(const std::string& text) {
    around_.log.append({base::wall_now(), "sup", part_.name + ": " + text});
}

void FurtherService::clear_timers() {
    for (auto* timer : {&settled_at_, &next_probe_at_, &restart_at_, &kill_at_})
        timer->reset();
}

void FurtherService::start() {
    clear_timers();
    ending_ = Ending::none;
    was_ready_ = false;
    probe_count_.begin();
    if (part_.state == ServiceState::backoff)
        ++part_.restarts;
    enter(ServiceState::starting, part_.restarts == 0 ? "launched" : "restarted after " + part_.reason);
    part_.last_probe.clear();
    spec_ = spec_of(what_, around_.spec); // limits may have changed since
    try {
        output_.open(spec_.identity);
        confine::ExecRequest request;
        request.command = spec_.command;
        request.environment = spec_.environment;
        request.working_directory = spec_.working_directory;
        request.identity = spec_.identity;
        part_.process = around_.driver.spawn(spec_, around_.run_directory, request,
                                             {-1, output_.output_for_service(), output_.error_for_service()});
        output_.close_service_ends();
    } catch (const base::Error& error) {
        output_.finish();
        note(std::string("could not be started: ") + error.what());
        restart_or_fail(error.what(), true);
        return;
    }
    running_ = true;
    started_ = base::steady_now();
    note(fmt::format("started as process {}", part_.process->pid));
    if (what_.service.health.probe)
        next_probe_at_ = started_ + probe_count_.pause();
    else
        settled_at_ = started_ + ServiceKeeper::settling;
}

void FurtherService::begin_stop() {
    if (ending_ == Ending::by_request)
        return;
    note("stopping");
    if (running_)
        end(Ending::by_request, "stopped with the jail");
    else {
        ending_ = Ending::by_request;
        clear_timers();
        enter(ServiceState::stopped, "stopped with the jail");
    }
}

void FurtherService::jail_gone() {
    clear_timers();
    probe_.reset();
    output_.finish();
    running_ = ever_ready_ = false;
    ending_ = Ending::none;
    part_.process.reset();
    enter(ServiceState::stopped, "waits for its turn");
}

bool FurtherService::reload() {
    if (what_.service.reload_signal == 0 || !running_ || ending_ != Ending::none ||
        !base::send_signal(*part_.process, what_.service.reload_signal))
        return false;
    note("told to reload (signal " + std::to_string(what_.service.reload_signal) + ")");
    return true;
}

/// Asks its process to end, and sets the time when it is not asked any more.
void FurtherService::end(Ending ending, const std::string& reason) {
    ending_ = ending;
    ending_reason_ = reason;
    probe_.reset();
    clear_timers();
    if (ending == Ending::by_request)
        enter(ServiceState::stopping, reason);
    kill_at_ = base::steady_now() + what_.service.stop_timeout;
    base::send_signal(*part_.process, what_.service.stop_signal); // gone already: its exit is on its way
}

bool FurtherService::owns(pid_t pid) const {
    return (running_ && part_.process && part_.process->pid == pid) || (probe_ && probe_->pid() == pid);
}

void FurtherService::about_to_be_reaped(pid_t pid) noexcept {
    if (running_ && part_.process && part_.process->pid == pid)
        kill_group(pid);
}

bool FurtherService::reaped(pid_t pid, const base::Exit& exit) {
    if (!probe_ || probe_->pid() != pid) {
        ended(exit);
        return false;
    }
    const bool hung = probe_->timed_out() && what_.service.health.probe->kind == jail::Probe::Kind::command;
    probe_ended(exit);
    return hung;
}

void FurtherService::ended(const base::Exit& exit) {
    running_ = false;
    part_.process.reset();
    part_.last_exit = exit.describe();
    changed_ = true;
    const bool was_starting = part_.state == ServiceState::starting;
    clear_timers();
    probe_.reset();
    output_.finish();
    note("ended with " + part_.last_exit);
    switch (ending_) {
    case Ending::by_request:
        enter(ServiceState::stopped, ending_reason_);
        break;
    case Ending::given_up:
        fail(ending_reason_);
        break;
    case Ending::not_ready:
        restart_or_fail(ending_reason_, true);
        break;
    case Ending::none:
        if (was_starting && exit.success())
            restart_or_fail(in_the_background, false);
        else
            restart_or_fail(part_.last_exit, !exit.success());
        break;
    }
}

void FurtherService::restart_or_fail(const std::string& reason, bool failure) {
    const RestartVerdict verdict =
        budget_.judge({reason, failure, around_.attended && !ever_ready_}, base::steady_now());
    if (!verdict.again_in) {
        fail(verdict.reason);
        return;
    }
    restart_at_ = base::steady_now() + *verdict.again_in;
    enter(ServiceState::backoff, verdict.reason);
    note(fmt::format("will be started again in {}", show_duration(*verdict.again_in)));
}

void FurtherService::fail(const std::string& reason) {
    clear_timers();
    enter(ServiceState::failed, reason);
    note("failed: " + reason);
}

void FurtherService::become_ready(const std::string& why) {
    settled_at_.reset();
    note((was_ready_ ? "ready again: " : "ready: ") + why);
    was_ready_ = ever_ready_ = true;
    enter(ServiceState::ready, why);
}

void FurtherService::start_probe() {
    if (!running_ || ending_ != Ending::none)
        return;
    probe_ =
        std::make_unique<ProbeProcess>(ProbeTarget{*what_.service.health.probe, what_.service.health.timeout,
                                                   around_.driver, spec_, around_.run_directory},
                                       around_.in_child);
}

void FurtherService::probe_ended(const base::Exit& exit) {
    const jail::Health& health = what_.service.health;
    const ProbeResult result = probe_->finish(exit);
    probe_.reset();
    changed_ = changed_ || result.detail != part_.last_probe;
    part_.last_probe = result.detail;
    const base::SteadyTime now = base::steady_now();
    const auto age = std::chrono::duration_cast<milliseconds>(now - started_);
    const ProbeCount::Meaning meaning = probe_count_.take(result.healthy, part_.state, age);
    next_probe_at_ = now + probe_count_.pause();
    switch (meaning) {
    case ProbeCount::Meaning::nothing:
        return;
    case ProbeCount::Meaning::ready:
        become_ready(result.detail);
        return;
    case ProbeCount::Meaning::too_late:
        note(fmt::format("not ready within {}: {}", show_duration(health.grace), result.detail));
        end(Ending::not_ready,
            fmt::format("not ready within {}: {}", show_duration(health.grace), result.detail));
        return;
    case ProbeCount::Meaning::unhealthy:
        break;
    }
    const std::string reason = "probe: " + result.detail;
    if (part_.state == ServiceState::ready)
        note(fmt::format("unhealthy after {} failed probes: {}", probe_count_.failures(), result.detail));
    if (part_.state == ServiceState::ready || part_.reason != reason)
        enter(ServiceState::unhealthy, reason);
    if (health.on_failure == jail::Health::OnFailure::restart)
        end(Ending::not_ready, reason);
    else if (health.on_failure == jail::Health::OnFailure::stop)
        end(Ending::given_up, reason);
}

void FurtherService::add_descriptors(std::vector<struct pollfd>& waiting) const {
    waiting.push_back({output_.output_fd(), POLLIN, 0});
    waiting.push_back({output_.error_fd(), POLLIN, 0});
    if (probe_) {
        waiting.push_back({probe_->output_fd(), POLLIN, 0});
        waiting.push_back({probe_->result_fd(), POLLIN, 0});
    }
}

std::optional<base::SteadyTime> FurtherService::next_deadline() const {
    std::optional<base::SteadyTime> next;
    const auto consider = [&](const std::optional<base::SteadyTime>& time) {
        if (time)
            next = std::min(next.value_or(*time), *time);
    };
    consider(settled_at_);
    consider(restart_at_);
    consider(kill_at_);
    if (!probe_)
        consider(next_probe_at_);
    else if (!probe_->timed_out())
        consider(probe_->deadline());
    return next;
}

void FurtherService::read() noexcept {
    output_.read();
    if (probe_)
        probe_->read();
}

void FurtherService::handle_timers(base::SteadyTime now) {
    const auto is_over = [&](std::optional<base::SteadyTime>& time) {
        if (!time || now < *time)
            return false;
        time.reset();
        return true;
    };
    if (probe_ && !probe_->timed_out() && now >= probe_->deadline())
        probe_->time_out();
    if (is_over(kill_at_)) {
        note(fmt::format("did not end within {} of signal {}: killed",
                         show_duration(what_.service.stop_timeout), what_.service.stop_signal));
        kill_group(part_.process->pid);
        base::send_signal(*part_.process, SIGKILL);
    }
    if (is_over(restart_at_))
        start();
    if (is_over(settled_at_))
        become_ready("still runs after " + std::to_string(ServiceKeeper::settling.count()) + " ms");
    if (!probe_ && is_over(next_probe_at_))
        start_probe();
}

} // namespace pkgjail::supervise
