// The first service of a jail as a process that its pid file names: finding it, and its end.
#include <poll.h>

#include <fmt/format.h>

#include "pkgjail/supervise/pid_file.hpp"
#include "pkgjail/supervise/service_keeper.hpp"

namespace pkgjail::supervise {

std::string left_no_process(const std::string& pid_file, const std::string& refusal) {
    return fmt::format("ended with exit status 0 and left no process: pid file {} {}", pid_file, refusal);
}

const base::ProcessId& ServiceKeeper::service_process() const {
    return followed_ ? followed_->process() : *status_.service;
}

void ServiceKeeper::look_for_service() {
    if (!running_ || ending_ != Ending::none)
        return;
    const std::string& file = service_.service.pid_file;
    const PidFileAnswer answer = look_at_pid_file(driver_, service_.spec.handle, run_directory_, file,
                                                  *status_.service, *status_.started_at);
    const base::SteadyTime now = base::steady_now();
    if (answer.process) {
        followed_.emplace(*answer.process);
        status_.followed = answer.process;
        changed_ = true;
        note(fmt::format("follows process {} ({} inside), which {} names", answer.process->pid,
                         answer.inner_pid, file));
        driver_.tell_service(*status_.service, answer.inner_pid);
        await_ready();
        return;
    }
    last_refusal_ = answer.refusal;
    const std::string why = fmt::format("pid file {} {}", file, last_refusal_);
    if (now - started_ >= service_.health.grace) {
        give_up_start(why);
        return;
    }
    if (status_.reason != why)
        enter(ServiceState::starting, why);
    look_pause_ = std::min(look_pause_ * 2, ProbeCount::longest_pause);
    look_at_ = now + look_pause_;
}

bool ServiceKeeper::followed_is_over() const {
    return followed_ && followed_->is_over();
}

/// Its exit was not seen by the first process, because it is not its parent.
void ServiceKeeper::followed_has_ended() {
    const pid_t pid = service_process().pid;
    remove_jail();
    service_over(fmt::format("an unknown status (nobody saw the end of process {})", pid), false);
}

} // namespace pkgjail::supervise
