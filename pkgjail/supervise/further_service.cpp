#include "pkgjail/supervise/further_service.hpp"

#include <algorithm>
#include <csignal>

#include <unistd.h>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/supervise/attempt.hpp"
#include "pkgjail/supervise/pid_file.hpp"
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

constexpr const char* by_operator = "stopped by operator";

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

void FurtherService::tell(jail::NotifyEvent event, const std::string& reason) {
    around_.tell({event, part_.name, reason, part_.restarts});
}

void FurtherService::clear_timers() {
    for (auto* timer : {&settled_at_, &next_probe_at_, &restart_at_, &kill_at_, &look_at_})
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
    followed_.reset();
    last_refusal_ = "is not there";
    look_pause_ = ProbeCount::first_pause;
    started_at_ = base::wall_now();
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
    command_ = part_.process->pid;
    started_ = base::steady_now();
    note(fmt::format("started as process {}", part_.process->pid));
    if (what_.service.pid_file.empty())
        await_ready();
    else
        look_at_ = started_ + look_pause_;
}

void FurtherService::await_ready() {
    const base::SteadyTime now = base::steady_now();
    if (what_.service.health.probe)
        next_probe_at_ = now + probe_count_.pause();
    else
        settled_at_ = now + ServiceKeeper::settling;
}

void FurtherService::look_for_process() {
    if (!running_ || ending_ != Ending::none || !around_.first)
        return;
    const std::string& file = what_.service.pid_file;
    const PidFileAnswer answer = look_at_pid_file(around_.driver, spec_.handle, around_.run_directory, file,
                                                  *around_.first, started_at_);
    const base::SteadyTime now = base::steady_now();
    if (answer.process) {
        followed_.emplace(*answer.process);
        part_.process = answer.process;
        changed_ = true;
        note(fmt::format("follows process {} ({} inside), which {} names", answer.process->pid,
                         answer.inner_pid, file));
        await_ready();
        return;
    }
    last_refusal_ = answer.refusal;
    const std::string why = fmt::format("pid file {} {}", file, last_refusal_);
    if (now - started_ >= what_.service.health.grace) {
        const std::string reason =
            fmt::format("not ready within {}: {}", show_duration(what_.service.health.grace), why);
        note(reason);
        end(Ending::not_ready, reason);
        return;
    }
    if (part_.reason != why)
        enter(ServiceState::starting, why);
    look_pause_ = std::min(look_pause_ * 2, ProbeCount::longest_pause);
    look_at_ = now + look_pause_;
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
    running_ = ready_in_jail_ = false;
    command_ = -1;
    followed_.reset();
    ending_ = Ending::none;
    part_.process.reset();
    enter(ServiceState::stopped, set_aside_ ? by_operator : "waits for its turn");
}

bool FurtherService::reload() {
    if (what_.service.reload_signal == 0 || !running_ || !part_.process || ending_ != Ending::none ||
        !base::send_signal(*part_.process, what_.service.reload_signal))
        return false;
    note("told to reload (signal " + std::to_string(what_.service.reload_signal) + ")");
    return true;
}

std::string FurtherService::ask(ControlVerb verb) {
    switch (verb) {
    case ControlVerb::reload:
        if (what_.service.reload_signal == 0)
            return "error the service has no reload signal";
        return reload() ? "ok" : "error the service does not run";
    case ControlVerb::start:
        if (is_up())
            return "ok already";
        break;
    case ControlVerb::restart:
        break;
    case ControlVerb::stop: {
        const bool was_down = set_aside_ && !running_;
        set_aside_ = true;
        if (running_)
            end(Ending::by_request, by_operator);
        else if (!was_down) {
            clear_timers();
            enter(ServiceState::stopped, by_operator);
        }
        return was_down ? "ok already" : "ok";
    }
    case ControlVerb::version:
    case ControlVerb::limits:
    case ControlVerb::wait:
    case ControlVerb::usage:
        return "error unknown request";
    }
    set_aside_ = false;
    budget_.refill();
    note(verb == ControlVerb::start ? "started by operator" : "restarted by operator");
    if (running_) {
        end(Ending::restart, "restarted by operator");
    } else {
        clear_timers();
        enter(ServiceState::stopped, "waits for its turn"); // which the keeper gives it
    }
    return "ok";
}

/// Asks its process to end, and sets the time when it is not asked any more.
void FurtherService::end(Ending ending, const std::string& reason) {
    ending_ = ending;
    ending_reason_ = reason;
    probe_.reset();
    clear_timers();
    if (ending == Ending::by_request || ending == Ending::restart) // whoever asked waits for what comes after
        enter(ServiceState::stopping, reason);
    if (!part_.process) { // its command is gone, and nobody knows which process it left
        ended(part_.last_exit, false);
        return;
    }
    kill_at_ = base::steady_now() + what_.service.stop_timeout;
    base::send_signal(*part_.process, what_.service.stop_signal); // gone already: its exit is on its way
}

void FurtherService::kill() {
    if (part_.process->pid == command_) {
        kill_group(command_);
    } else {
        // The group of a process that is no child of ours is not killed by its number, which may have become
        // somebody else's.
        for (const pid_t pid : around_.driver.processes(spec_.handle, around_.run_directory)) {
            const auto member = base::identify_process(pid);
            if (member && ::getpgid(pid) == part_.process->pid)
                base::send_signal(*member, SIGKILL);
        }
    }
    base::send_signal(*part_.process, SIGKILL);
}

bool FurtherService::owns(pid_t pid) const {
    return command_ == pid || (probe_ && probe_->pid() == pid);
}

void FurtherService::about_to_be_reaped(pid_t pid) noexcept {
    // What goes into the background may not have left the group yet.
    if (command_ == pid && what_.service.pid_file.empty())
        kill_group(pid);
}

bool FurtherService::reaped(pid_t pid, const base::Exit& exit) {
    if (!probe_ || probe_->pid() != pid) {
        command_ended(exit);
        return false;
    }
    const bool hung = probe_->timed_out() && what_.service.health.probe->kind == jail::Probe::Kind::command;
    probe_ended(exit);
    return hung;
}

void FurtherService::command_ended(const base::Exit& exit) {
    const bool is_service = !followed_ || followed_->process().pid == command_;
    command_ = -1;
    if (!what_.service.pid_file.empty()) {
        if (!is_service || !running_)
            return; // it has gone into the background, and its service lives on
        if (!followed_ && exit.success() && ending_ == Ending::none) {
            part_.process.reset(); // look_for_process() goes on until the grace is over
            part_.last_exit = exit.describe();
            changed_ = true;
            return;
        }
    }
    ended(exit.describe(), exit.success());
}

void FurtherService::ended(const std::string& how, bool success) {
    running_ = false;
    const bool was_followed = followed_.has_value();
    followed_.reset();
    part_.process.reset();
    part_.last_exit = how;
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
    case Ending::restart:
        ending_ = Ending::none;
        enter(ServiceState::stopped, "waits for its turn");
        break;
    case Ending::not_ready:
        restart_or_fail(ending_reason_, true);
        break;
    case Ending::none:
        if (was_starting && success && !was_followed)
            restart_or_fail(in_the_background, false);
        else
            restart_or_fail(part_.last_exit, !success);
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
    tell(jail::NotifyEvent::restart, verdict.reason);
}

void FurtherService::fail(const std::string& reason) {
    clear_timers();
    enter(ServiceState::failed, reason);
    note("failed: " + reason);
    tell(jail::NotifyEvent::failed, reason);
}

void FurtherService::become_ready(const std::string& why) {
    settled_at_.reset();
    note((was_ready_ ? "ready again: " : "ready: ") + why);
    was_ready_ = ready_in_jail_ = ever_ready_ = true;
    if (part_.state == ServiceState::unhealthy)
        tell(jail::NotifyEvent::well, why);
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
    const base::SteadyTime now = base::steady_now();
    if (!result.counts) {
        next_probe_at_ = now + probe_count_.pause();
        return;
    }
    changed_ = changed_ || result.detail != part_.last_probe;
    part_.last_probe = result.detail;
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
    if (part_.state == ServiceState::ready) {
        note(fmt::format("unhealthy after {} failed probes: {}", probe_count_.failures(), result.detail));
        tell(jail::NotifyEvent::unhealthy, reason);
    }
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
    if (followed_)
        waiting.push_back({followed_->fd(), POLLIN, 0});
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
    consider(look_at_);
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
    if (followed_ && followed_->process().pid != command_ && followed_->is_over())
        ended(fmt::format("an unknown status (nobody saw the end of process {})", followed_->process().pid),
              false);
    if (is_over(look_at_))
        look_for_process();
    if (is_over(kill_at_)) {
        note(fmt::format("did not end within {} of signal {}: killed",
                         show_duration(what_.service.stop_timeout), what_.service.stop_signal));
        kill();
    }
    if (is_over(restart_at_))
        start();
    if (is_over(settled_at_))
        become_ready("still runs after " + std::to_string(ServiceKeeper::settling.count()) + " ms");
    if (!probe_ && is_over(next_probe_at_))
        start_probe();
}

} // namespace pkgjail::supervise
