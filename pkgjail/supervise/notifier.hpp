// Telling the operator's own program of what befalls a jail. The program is named in pkgjail.conf and nowhere
// else, never in a recipe: it runs on the host, as the supervisor's user. It is started without a shell, with
// the facts in its environment and nothing of the jail in its arguments; one at a time, so many a minute, and
// for so long. The service never waits for it.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/process.hpp"
#include "pkgjail/jail/notify.hpp"

namespace pkgjail::supervise {

/// What there is to tell.
struct Notice {
    jail::NotifyEvent event = jail::NotifyEvent::failed;
    std::string service;
    std::string reason; ///< may quote what the jail's processes said; made printable before it is told
    std::uint64_t restarts = 0;
};

class Notifier {
  public:
    static constexpr std::size_t most_waiting = 8;
    static constexpr std::size_t most_a_minute = 12;
    static constexpr std::chrono::milliseconds patience{30'000}; ///< with one command; then it is killed

    /// `note` writes into the jail's log.
    Notifier(jail::Notify notify, std::string jail, std::function<void(std::string)> note);
    Notifier(const Notifier&) = delete;
    Notifier& operator=(const Notifier&) = delete;

    void tell(const Notice& notice) noexcept;
    bool owns(pid_t pid) const { return pid == running_; }
    /// Its command was waited for.
    void reaped(const base::Exit& exit) noexcept;
    std::optional<base::SteadyTime> next_deadline() const;
    void handle_timers(base::SteadyTime now) noexcept;
    /// The supervisor is about to end: what waits is started now, and lives on for its own time.
    void finish() noexcept;

  private:
    void start_next();
    void start(const Notice& notice);

    const jail::Notify notify_;
    const std::string jail_;
    const std::function<void(std::string)> note_;
    std::deque<Notice> waiting_;
    std::deque<base::SteadyTime> told_; ///< within the last minute
    std::uint64_t left_out_ = 0;
    pid_t running_ = -1;
    std::optional<base::SteadyTime> kill_at_;
};

/// The environment of the command for this notice, NAME=value. Pure.
std::vector<std::string> notice_environment(const Notice& notice, const std::string& jail,
                                            base::WallTime time);

} // namespace pkgjail::supervise
