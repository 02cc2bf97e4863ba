// The loop: waits for whatever comes first (a signal, output, a peer, a probe, a timer) and hands it to the
// arrows. Nothing that happens to the service ends it: an Error becomes the state `failed`.
#include "pkgjail/supervise/service_keeper.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "pkgjail/base/boot.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/supervise/memory.hpp"

namespace pkgjail::supervise {

namespace {

using std::chrono::milliseconds;

/// So soon the first process of a jail ends after the service that it was told of, if it saw its end.
constexpr milliseconds first_process_patience(500);

base::Exit exit_of(int wait_status) {
    bool signalled = WIFSIGNALED(wait_status);
    return {signalled, signalled ? WTERMSIG(wait_status) : WEXITSTATUS(wait_status)};
}

} // namespace

ServiceKeeper::ServiceKeeper(base::HostPath run_directory, confine::Driver& driver, SupervisedService service,
                             SignalPipe& signals)
    : run_directory_(std::move(run_directory)), driver_(driver), service_(std::move(service)),
      signals_(signals),
      log_(service_.log_file, service_.log_max_bytes, service_.log_files,
           service_.syslog_facility
               ? std::optional(SyslogWriter(*service_.syslog_facility, "pkgjail/" + service_.spec.jail))
               : std::nullopt),
      output_(log_, service_.further.empty() ? std::string() : service_.service.name),
      budget_(service_.service.restart), control_(run_directory_), disk_watch_(service_.spec.storage),
      notifier_(service_.notify, service_.spec.jail, [this](std::string text) { note(std::move(text)); }),
      probe_count_(service_.health) {
    recorded_.boot = base::boot_id();
    status_.sums.ended = carried_over(run_directory_);
    status_.state = ServiceState::starting;
    status_.reason = "launched";
    status_.supervisor = base::identify_process(::getpid());
    status_.driver = driver_.info().detail;
    if (auto& learning = service_.spec.learning) {
        learning_ = std::make_unique<Learning>(run_directory_, service_.spec.handle, learning->profile);
        learning->socket = learning_->socket();
        status_.learning = learning->profile;
        note(fmt::format("learns what profile {} would deny: system calls are not denied",
                         jail::profile_name(learning->profile)));
    }
    for (const FurtherServiceSpec& further : service_.further) {
        further_.push_back(std::make_unique<FurtherService>(
            further,
            FurtherService::Surroundings{driver_, service_.spec, run_directory_, status_.service, log_,
                                         service_.attended, [this] { close_copies_in_child(); },
                                         [this](const Notice& notice) { notifier_.tell(notice); }}));
        status_.further.push_back(further_.back()->part());
    }
    write_state(run_directory_, recorded_);
}

template <class Work>
void ServiceKeeper::guarded(Work&& work) noexcept {
    try {
        work();
    } catch (const std::exception& error) {
        give_up(error.what());
    }
}

int ServiceKeeper::run() noexcept {
    guarded([&] { start_service(); });
    while (!over_) {
        save();
        tell_waiting();
        guarded([&] {
            wait_for_events();
            handle_events();
            handle_timers();
            watch_further();
        });
    }
    // The last word: nobody corrects it any more, so it is worth some patience.
    for (int attempt = 0; changed_ && attempt < 20; ++attempt) {
        save_at_.reset();
        save();
        if (changed_)
            ::usleep(100'000);
    }
    if (learning_)
        if (const auto trouble = learning_->write())
            note(*trouble);
    notifier_.finish();
    log_.flush();
    tell_waiting();
    return exit_status_;
}

std::optional<base::SteadyTime> ServiceKeeper::next_deadline() const {
    std::optional<base::SteadyTime> next = control_.next_deadline();
    auto consider = [&](const std::optional<base::SteadyTime>& time) {
        if (time)
            next = std::min(next.value_or(*time), *time);
    };
    consider(settled_at_);
    consider(restart_at_);
    consider(kill_at_);
    consider(look_at_);
    consider(gone_at_);
    consider(save_at_);
    consider(watch_at_);
    if (!probe_)
        consider(next_probe_at_);
    else if (!probe_->timed_out())
        consider(probe_->deadline());
    consider(notifier_.next_deadline());
    if (learning_)
        consider(learning_->next_deadline());
    for (const auto& further : further_)
        consider(further->next_deadline());
    return next;
}

void ServiceKeeper::wait_for_events() {
    waiting_.clear();
    waiting_.push_back({signals_.fd(), POLLIN, 0});
    // Ended ones are -1, which poll leaves out.
    waiting_.push_back({output_.output_fd(), POLLIN, 0});
    waiting_.push_back({output_.error_fd(), POLLIN, 0});
    if (probe_) {
        waiting_.push_back({probe_->output_fd(), POLLIN, 0});
        waiting_.push_back({probe_->result_fd(), POLLIN, 0});
    }
    if (followed_ && !gone_at_)
        waiting_.push_back({followed_->fd(), POLLIN, 0});
    for (const auto& further : further_)
        further->add_descriptors(waiting_);
    waiting_.push_back({disk_watch_.fd(), POLLIN, 0});
    control_.add_descriptors(waiting_);
    int timeout = -1;
    if (std::optional<base::SteadyTime> next = next_deadline()) {
        constexpr milliseconds longest(3'600'000);
        auto left = std::chrono::ceil<milliseconds>(*next - base::steady_now());
        timeout = static_cast<int>(std::clamp(left, milliseconds(0), longest).count());
    }
    if (::poll(waiting_.data(), static_cast<nfds_t>(waiting_.size()), timeout) < 0 && errno != EINTR)
        throw base::system_error(errno, "supervisor", "poll");
}

void ServiceKeeper::handle_events() {
    output_.read();
    for (const auto& further : further_)
        further->read();
    // First the pipe is emptied, then children are looked for: one that ends in between wakes the loop again.
    int asked = signals_.take();
    reap();
    if (running_ && !gone_at_ && followed_is_over())
        gone_at_ = base::steady_now() + first_process_patience;
    if (probe_)
        probe_->read();
    measured_disk();
    if (asked != 0)
        begin_stop("its supervisor was told to end (signal " + std::to_string(asked) + ")");
    control_.serve([this](const ControlRequest& request) { return handle_request(request); });
    // In a flood the count changes all the time; the file follows once a second.
    if (log_.dropped() != status_.log_records_dropped ||
        log_.syslog_dropped() != status_.syslog_records_dropped) {
        if (base::steady_now() - saved_ >= std::chrono::seconds(1)) {
            changed_ = true; // and save() takes both
        } else if (!save_at_) {
            save_at_ = saved_ + std::chrono::seconds(1);
        }
    }
}

void ServiceKeeper::handle_timers() {
    base::SteadyTime now = base::steady_now();
    auto is_over = [&](std::optional<base::SteadyTime>& time) {
        if (!time || now < *time)
            return false;
        time.reset();
        return true;
    };
    is_over(save_at_); // the next turn of the loop saves
    if (probe_ && !probe_->timed_out() && now >= probe_->deadline())
        probe_->time_out();
    if (is_over(look_at_))
        look_for_service();
    if (is_over(gone_at_))
        followed_has_ended();
    if (is_over(kill_at_))
        kill_service();
    if (is_over(restart_at_))
        start_service();
    if (is_over(settled_at_))
        become_ready("still runs after " + std::to_string(settling.count()) + " ms");
    if (!probe_ && is_over(next_probe_at_))
        start_probe();
    if (is_over(watch_at_))
        watch_limits();
    notifier_.handle_timers(now);
    if (learning_)
        if (const auto trouble = learning_->handle_timers(now))
            note(*trouble);
    for (const auto& further : further_)
        further->handle_timers(now);
}

void ServiceKeeper::reap() {
    int wait_status = 0;
    for (siginfo_t info{}; ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid > 0;
         info = {}) {
        const pid_t pid = info.si_pid;
        const auto mine = std::find_if(further_.begin(), further_.end(),
                                       [pid](const auto& further) { return further->owns(pid); });
        if (mine != further_.end())
            (*mine)->about_to_be_reaped(pid);
        if (::waitpid(pid, &wait_status, WNOHANG) != pid)
            break;
        if (mine != further_.end()) {
            if ((*mine)->reaped(pid, exit_of(wait_status)) && running_) {
                adopting_ = true;
                kill_adopted(driver_, service_.spec, run_directory_, own_processes());
            }
        } else if (running_ && status_.service && pid == status_.service->pid)
            service_ended(exit_of(wait_status));
        else if (probe_ && pid == probe_->pid())
            probe_ended(exit_of(wait_status));
        else if (notifier_.owns(pid))
            notifier_.reaped(exit_of(wait_status));
        else if (adopting_ && running_)
            kill_adopted(driver_, service_.spec, run_directory_, own_processes());
    }
}

std::vector<pid_t> ServiceKeeper::own_processes() const {
    std::vector<pid_t> pids = {status_.service->pid};
    for (const auto& further : further_) {
        if (further->part().process)
            pids.push_back(further->part().process->pid);
        if (further->command() > 0)
            pids.push_back(further->command());
    }
    return pids;
}

std::optional<base::Exit> ServiceKeeper::take_exit(bool patiently) {
    if (!running_ || !status_.service)
        return std::nullopt;
    // After a kill the kernel needs a moment, and on a loaded host a longer one.
    constexpr milliseconds pause(2), patience(10'000);
    base::SteadyTime deadline = base::steady_now() + patience;
    for (;;) {
        int wait_status = 0;
        pid_t pid = ::waitpid(status_.service->pid, &wait_status, WNOHANG);
        if (pid > 0) {
            running_ = false;
            return exit_of(wait_status);
        }
        if (!patiently || (pid < 0 && errno != EINTR) || base::steady_now() >= deadline)
            return std::nullopt;
        ::usleep(static_cast<useconds_t>(std::chrono::microseconds(pause).count()));
    }
}

void ServiceKeeper::count_run() noexcept {
    close_run(
        recorded_, [this] { write_state(run_directory_, recorded_); },
        [this] { return driver_.usage(service_.spec.handle, run_directory_); });
    changed_ = true;
}

std::optional<std::string> ServiceKeeper::handle_request(const ControlRequest& request) {
    if (!request.service.empty())
        return ask_service(request);
    switch (request.verb) {
    case ControlVerb::stop:
        begin_stop("stopped by operator");
        save(); // whoever asked may look next
        return "ok";
    case ControlVerb::reload:
        return reload();
    case ControlVerb::limits:
        return change_limits();
    case ControlVerb::wait:
        // Never before the state file says so: whoever waited reads it next.
        if (settled() && !changed_)
            return "ok " + std::string(state_name(status_.state));
        return std::nullopt;
    case ControlVerb::usage: {
        const auto look = running_ ? usage_looks_.before(base::steady_now()) : std::nullopt;
        return look ? "ok " + usage_words(*look) : "ok";
    }
    case ControlVerb::version:
    case ControlVerb::start:
    case ControlVerb::restart:
        break;
    }
    return "error unknown request";
}

bool ServiceKeeper::settled() const {
    return status_.state == ServiceState::ready || status_.state == ServiceState::stopping ||
           status_.state == ServiceState::stopped || status_.state == ServiceState::failed;
}

void ServiceKeeper::tell_waiting() noexcept {
    if (settled() && !changed_)
        control_.answer_waiting("ok " + std::string(state_name(status_.state)));
}

void ServiceKeeper::save() noexcept {
    if (!changed_ || save_at_)
        return;
    try {
        status_.log_records_dropped = log_.dropped();
        status_.syslog_records_dropped = log_.syslog_dropped();
        write_state(run_directory_, recorded_);
        changed_ = false;
        save_failed_ = false;
        saved_ = base::steady_now();
    } catch (const std::exception& error) {
        if (!std::exchange(save_failed_, true))
            note(std::string("state could not be written: ") + error.what());
        save_at_ = base::steady_now() + milliseconds(250);
    }
}

void ServiceKeeper::close_copies_in_child() noexcept {
    control_.close_copies();
    // The lock's descriptor as well, or the lock would outlive a killed supervisor for as long as the probe
    // runs. The supervisor never holds as many descriptors as are looked at here.
    constexpr int looked_at = 256;
    if (learning_)
        confine::CallListener::close_copies(looked_at);
    struct stat lock {
    }, other{};
    if (::stat(lock_file(run_directory_).c_str(), &lock) != 0)
        return;
    for (int fd = 3; fd < looked_at; ++fd)
        if (::fstat(fd, &other) == 0 && other.st_dev == lock.st_dev && other.st_ino == lock.st_ino)
            ::close(fd);
}

} // namespace pkgjail::supervise
