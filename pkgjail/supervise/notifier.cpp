#include "pkgjail/supervise/notifier.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/printable.hpp"

namespace pkgjail::supervise {

namespace {

constexpr std::size_t longest_reason = 1024;
constexpr int most_descriptors = 1024;

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (std::string& text : texts)
        result.push_back(text.data());
    result.push_back(nullptr);
    return result;
}

/// Between fork and exec: no memory, no locks. The alarm goes with it, also when the supervisor has ended.
[[noreturn]] void become(char* const* argv, char* const* environment) {
    ::setsid();
    const int null = ::open("/dev/null", O_RDWR);
    for (int number = 0; number < 3; ++number)
        if (null < 0 || ::dup2(null, number) < 0)
            ::_exit(127);
    for (int number = 3; number < most_descriptors; ++number)
        ::close(number);
    for (const int number : {SIGPIPE, SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGALRM})
        static_cast<void>(::signal(number, SIG_DFL));
    ::alarm(static_cast<unsigned>(Notifier::patience.count() / 1000));
    if (::chdir("/") == 0)
        ::execve(argv[0], argv, environment);
    ::_exit(127);
}

} // namespace

std::vector<std::string> notice_environment(const Notice& notice, const std::string& jail,
                                            base::WallTime time) {
    std::string reason = base::printable(notice.reason);
    if (reason.size() > longest_reason)
        reason.resize(longest_reason);
    return {"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL=C",
            fmt::format("PKGJAIL_EVENT={}", jail::notify_event_name(notice.event)),
            "PKGJAIL_JAIL=" + jail,
            "PKGJAIL_SERVICE=" + notice.service,
            "PKGJAIL_REASON=" + reason,
            fmt::format("PKGJAIL_RESTARTS={}", notice.restarts),
            "PKGJAIL_TIME=" + base::format_time(time)};
}

Notifier::Notifier(jail::Notify notify, std::string jail, std::function<void(std::string)> note)
    : notify_(std::move(notify)), jail_(std::move(jail)), note_(std::move(note)) {}

void Notifier::tell(const Notice& notice) noexcept {
    try {
        const auto& events = notify_.events;
        if (notify_.command.empty() || std::find(events.begin(), events.end(), notice.event) == events.end())
            return;
        const base::SteadyTime now = base::steady_now();
        while (!told_.empty() && now - told_.front() >= std::chrono::minutes(1))
            told_.pop_front();
        if (told_.size() >= most_a_minute || waiting_.size() >= most_waiting) {
            if (left_out_++ == 0)
                note_("notify: too much to tell, the next events are left out");
            return;
        }
        if (left_out_ != 0)
            note_(fmt::format("notify: {} events were left out", std::exchange(left_out_, 0)));
        told_.push_back(now);
        waiting_.push_back(notice);
        start_next();
    } catch (const std::exception&) {
        // No memory: the log and the state file say it as well.
    }
}

void Notifier::start_next() {
    if (running_ > 0 || waiting_.empty())
        return;
    const Notice notice = std::move(waiting_.front());
    waiting_.pop_front();
    start(notice);
}

void Notifier::start(const Notice& notice) {
    std::vector<std::string> argv = notify_.command;
    std::vector<std::string> environment = notice_environment(notice, jail_, base::wall_now());
    const std::vector<char*> arguments = pointers(argv), variables = pointers(environment);
    const pid_t pid = ::fork();
    if (pid == 0)
        become(arguments.data(), variables.data());
    if (pid < 0) {
        note_(fmt::format("notify: {}", base::system_error(errno, argv.front(), "fork").what()));
        return;
    }
    running_ = pid;
    kill_at_ = base::steady_now() + patience;
}

void Notifier::reaped(const base::Exit& exit) noexcept {
    running_ = -1;
    kill_at_.reset();
    try {
        if (!exit.success())
            note_(fmt::format("notify: {} ended with {}", notify_.command.front(), exit.describe()));
        start_next();
    } catch (const std::exception&) {
        // No memory: what waits is started by the next event.
    }
}

std::optional<base::SteadyTime> Notifier::next_deadline() const {
    return kill_at_;
}

void Notifier::handle_timers(base::SteadyTime now) noexcept {
    if (!kill_at_ || now < *kill_at_)
        return;
    kill_at_.reset();
    ::kill(-running_, SIGKILL); // a session of its own, and not yet waited for
    ::kill(running_, SIGKILL);
}

void Notifier::finish() noexcept {
    try {
        for (const Notice& notice : std::exchange(waiting_, {}))
            start(notice);
    } catch (const std::exception&) {
        // As above.
    }
}

} // namespace pkgjail::supervise
