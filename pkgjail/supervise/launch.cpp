// How a pkgjail command starts, awaits, stops and reloads a supervised service.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "pkgjail/base/boot.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/lock.hpp"
#include "pkgjail/base/tree.hpp"
#include "pkgjail/confine/call_listener.hpp"
#include "pkgjail/confine/cgroup.hpp"
#include "pkgjail/supervise/announcement.hpp"
#include "pkgjail/supervise/control.hpp"
#include "pkgjail/supervise/control_address.hpp"
#include "pkgjail/supervise/service_json.hpp"
#include "pkgjail/supervise/state_file.hpp"
#include "pkgjail/supervise/supervisor.hpp"

namespace pkgjail::supervise {

namespace {

using base::Error;
using base::ErrorKind;
using std::chrono::milliseconds;

/// How long a supervisor may take to answer a word, and to end once its service's own time is over.
constexpr milliseconds answer_patience(5'000);
constexpr milliseconds end_patience(60'000);
/// Opening the driver may try several runtimes for the first time.
constexpr milliseconds launch_patience(120'000);

/// One launch, or one stop without a supervisor, at a time.
base::Lock take_launch_lock(const base::HostPath& run_directory, const std::string& jail,
                            const std::string& purpose) {
    return base::Lock::take(run_directory / "launch.lock", base::LockMode::exclusive, jail, purpose,
                            launch_patience);
}

void make_run_directory(const base::HostPath& run_directory) {
    base::make_directories(run_directory.parent_path(), 0700);
    if (::mkdir(run_directory.c_str(), 0700) != 0 && errno != EEXIST)
        throw base::system_error(errno, run_directory.string(), "mkdir");
    struct stat status {};
    if (::lstat(run_directory.c_str(), &status) != 0)
        throw base::system_error(errno, run_directory.string(), "stat");
    // Whoever can write here can stop the service, or have something else started in its place.
    if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 022u) != 0)
        throw Error(ErrorKind::denied, run_directory.string(),
                    "is not a directory that only its owner, who is you, can write to");
}

/// What was left by who was killed while writing a file here that the driver needs (NetBSD's npf.rules). Of
/// service.json and state.json that has always the same name, and goes when they are written again.
void remove_unplaced_files(const base::HostPath& run_directory) {
    const base::Tree tree = base::Tree::open(run_directory);
    for (const std::string& name : tree.list(base::RootPath()))
        if (name.starts_with(".pkgjail-"))
            tree.remove_file(base::RootPath().entry(name));
}

/// Which one outlives a power cut is all the same, as nothing runs then.
void write_service(const base::HostPath& run_directory, const SupervisedService& service) {
    replace_file_synced(service_file(run_directory), to_json(service));
}

std::string describe_running(const base::HostPath& run_directory) {
    ServiceStatus status = read_status(run_directory);
    std::string text = "is " + std::string(state_name(status.state)) + " already";
    if (status.supervisor)
        text += " (supervisor " + std::to_string(status.supervisor->pid) + ")";
    return text;
}

/// The supervisor's first line; empty when it ended without one, or said nothing in time.
std::string read_announcement(const base::Fd& pipe) {
    std::string line;
    base::SteadyTime deadline = base::steady_now() + launch_patience;
    while (line.find('\n') == std::string::npos) {
        auto left = std::chrono::ceil<milliseconds>(deadline - base::steady_now());
        if (left.count() <= 0)
            return {};
        struct pollfd waiting {
            pipe.get(), POLLIN, 0
        };
        int count = ::poll(&waiting, 1, static_cast<int>(left.count()));
        if (count < 0 && errno != EINTR)
            throw base::system_error(errno, "supervisor", "poll");
        if (count <= 0)
            continue;
        char buffer[4096];
        ssize_t got = ::read(pipe.get(), buffer, sizeof buffer);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            throw base::system_error(errno, "supervisor", "read");
        if (got == 0)
            return {};
        line.append(buffer, static_cast<std::size_t>(got));
    }
    return line.substr(0, line.find('\n'));
}

/// Asks one thing of the supervisor; nullopt when there is none.
std::optional<std::string> ask(const base::HostPath& run_directory, std::string_view verb,
                               milliseconds patience = answer_patience) {
    std::optional<ControlClient> control = ControlClient::connect(run_directory);
    if (!control || !control->send(verb))
        return std::nullopt;
    // Whoever does not even say its versions is given no time for the rest.
    return control->read_line(base::steady_now() +
                              (control->is_silent() ? std::min(patience, answer_patience) : patience));
}

bool has_lost_socket(const base::HostPath& run_directory) {
    struct stat status {};
    return ::lstat(control_path(run_directory).c_str(), &status) != 0 && errno == ENOENT;
}

std::string described(const std::optional<base::ProcessId>& supervisor) {
    return supervisor ? fmt::format("its supervisor (process {})", supervisor->pid) : "its supervisor";
}

/// Of one that holds its lock. `then`: what helps when it has been ended.
Error no_answer(const base::HostPath& run_directory, std::string_view does, std::string_view then) {
    const std::optional<base::ProcessId> supervisor = read_status(run_directory).supervisor;
    return {ErrorKind::busy, jail_of(run_directory), fmt::format("{} {}", described(supervisor), does),
            supervisor ? fmt::format("end it with: kill -9 {}, then {}", supervisor->pid, then)
                       : std::string()};
}

milliseconds stop_timeout(const base::HostPath& run_directory) {
    try {
        const SupervisedService service = read_service(run_directory);
        milliseconds sum = service.service.stop_timeout;
        for (const FurtherServiceSpec& further : service.further) // one after the other
            sum += further.service.stop_timeout;
        return sum;
    } catch (const Error&) {
        return milliseconds(0); // only lengthens a patience that is long already
    }
}

constexpr std::string_view the_same = "give this command again";

/// Through the supervisor. False when there is none (any more), or it listens nowhere.
bool stop_supervisor(const base::HostPath& run_directory) {
    std::optional<ControlClient> control = ControlClient::connect(run_directory);
    if (!control || !control->send("stop"))
        return false;
    std::optional<std::string> answer = control->read_line(base::steady_now() + answer_patience);
    if (answer && *answer != "ok")
        throw Error(ErrorKind::denied, jail_of(run_directory), "its supervisor answered: " + *answer);
    base::SteadyTime deadline = base::steady_now() + stop_timeout(run_directory) + end_patience;
    if (!answer)
        deadline = base::steady_now(); // its end is fine, its silence is not
    if (!control->wait_for_end(deadline))
        throw no_answer(run_directory, "does not answer", the_same);
    // The connection ends an instant before the process does.
    while (answer && supervisor_lock_is_held(run_directory)) {
        if (base::steady_now() >= deadline)
            throw no_answer(run_directory, "does not end", the_same);
        std::this_thread::sleep_for(milliseconds(2));
    }
    return answer.has_value();
}

/// What a dead supervisor would have done. The caller holds the supervisor's lock, so there is no other.
void stop_unsupervised(const base::HostPath& run_directory, const SupervisedService& service,
                       confine::Driver& driver) {
    ServiceStatus status = read_unsupervised(run_directory);
    RecordedStatus recorded;
    recorded.boot = base::boot_id();
    recorded.status = status;
    const std::optional<base::ProcessId> asked = status.followed ? status.followed : status.service;
    if (status.service && base::is_alive(*status.service) && base::is_alive(*asked) &&
        base::send_signal(*asked, service.service.stop_signal)) {
        base::SteadyTime deadline = base::steady_now() + service.service.stop_timeout;
        while (base::is_alive(*status.service) && base::steady_now() < deadline)
            std::this_thread::sleep_for(milliseconds(10));
    }
    // read_unsupervised() leaves out who is dead; the figures of a dead one's run are still to be had.
    if (const std::optional<RecordedStatus> before = read_recorded(run_directory);
        before && before->boot == recorded.boot)
        recorded.status.service = before->status.service;
    close_run(
        recorded, [] {}, [&] { return driver.usage(service.spec.handle, run_directory); });
    driver.remove(service.spec.handle, run_directory);
    confine::CallListener::remove_left(run_directory);
    recorded.status.state = ServiceState::stopped;
    recorded.status.reason = "stopped by operator, after " + status.reason;
    recorded.status.service.reset();
    recorded.status.supervisor.reset();
    write_state(run_directory, recorded);
}

/// Whether the state file alone says that nothing can be there.
bool ended_properly(const ServiceStatus& status) {
    return status.state == ServiceState::stopped || status.state == ServiceState::failed;
}

/// Of a supervisor whose socket somebody removed or replaced: the signal means the same to it as being asked.
void end_unreachable(const base::HostPath& run_directory, const base::ProcessId& supervisor) {
    base::send_signal(supervisor, SIGTERM);
    const base::SteadyTime told = base::steady_now();
    while (supervisor_lock_is_held(run_directory)) {
        const ServiceStatus status = read_status(run_directory);
        const bool heard = status.state == ServiceState::stopping || ended_properly(status);
        if (base::steady_now() >=
            told + (heard ? stop_timeout(run_directory) + end_patience : answer_patience))
            throw no_answer(run_directory, "has no control socket and does not end when it is told to",
                            the_same);
        std::this_thread::sleep_for(milliseconds(10));
    }
}

/// A supervisor writes its state before it makes anything. The caller holds the supervisor's lock.
bool nothing_was_made(const base::HostPath& run_directory, const std::optional<RecordedStatus>& recorded) {
    if (recorded)
        return recorded->boot != base::boot_id();
    return ::access(state_file(run_directory).c_str(), F_OK) != 0 && errno == ENOENT;
}

using FindDriver = std::function<confine::Driver&(const SupervisedService& service)>;

bool stop_with(const base::HostPath& run_directory, const FindDriver& find_driver) {
    if (::access(run_directory.c_str(), F_OK) != 0 && errno == ENOENT)
        return false;
    if (stop_supervisor(run_directory))
        return true;
    if (!base::open_file_if_exists(service_file(run_directory), O_RDONLY) &&
        !supervisor_lock_is_held(run_directory))
        return false;
    const std::string jail = jail_of(run_directory);
    base::Lock launching = take_launch_lock(run_directory, jail, "stop");
    bool was_ended = false;
    std::optional<base::Lock> lock;
    base::SteadyTime deadline = base::steady_now() + answer_patience;
    while (!(lock = base::Lock::try_take(lock_file(run_directory), base::LockMode::exclusive, "stop"))) {
        if (stop_supervisor(run_directory)) // launched while we waited
            return true;
        // One that has written its state down has listened; without that it may be about to, or to end.
        const ServiceStatus status = read_status(run_directory);
        if (status.supervisor && !ended_properly(status)) {
            end_unreachable(run_directory, *status.supervisor);
            was_ended = true;
            deadline = base::steady_now() + answer_patience; // readers share the lock for an instant
        } else if (base::steady_now() >= deadline) {
            throw no_answer(run_directory, "has no control socket and does not end", the_same);
        }
        std::this_thread::sleep_for(milliseconds(5));
    }
    std::optional<RecordedStatus> recorded = read_recorded(run_directory);
    if (recorded && ended_properly(recorded->status))
        return was_ended;
    SupervisedService service = read_service(run_directory);
    confine::Driver* driver = nullptr;
    try {
        driver = &find_driver(service);
    } catch (const Error& error) {
        // A host where no jail can be made has none to end, if none was made here since it was started.
        if (error.kind() == ErrorKind::denied && nothing_was_made(run_directory, recorded))
            return false;
        throw;
    }
    bool there = driver->exists(service.spec.handle, run_directory);
    stop_unsupervised(run_directory, service, *driver);
    return there || was_ended;
}

} // namespace

void launch(const base::HostPath& program, const base::HostPath& run_directory,
            const SupervisedService& service) {
    make_run_directory(run_directory);
    base::Lock launching = take_launch_lock(run_directory, service.spec.jail, "start " + service.spec.jail);
    if (supervisor_lock_is_held(run_directory))
        throw Error(ErrorKind::conflict, service.spec.jail, describe_running(run_directory));
    remove_unplaced_files(run_directory);
    write_service(run_directory, service);

    base::Pipe pipe = base::make_pipe();
    base::Command command;
    command.argv = {program.string(), run_directory.string()};
    command.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"};
    command.standard_output = pipe.write_end.get();
    command.new_session = true;
    base::Child supervisor = base::Child::start(command);
    pipe.write_end.reset();
    std::string line = read_announcement(pipe.read_end);
    std::optional<Announcement> announcement = parse_announcement(line);
    if (announcement && !announcement->error) {
        supervisor.release();
        return;
    }
    if (announcement) {
        supervisor.wait_for(answer_patience);
        throw *announcement->error;
    }
    std::optional<base::Exit> exit = supervisor.wait_for(milliseconds(100));
    throw Error(ErrorKind::system, program.string(),
                exit ? "ended with " + exit->describe() + " before it was ready to supervise"
                     : "did not get ready to supervise in time");
}

ServiceStatus wait_until_settled(const base::HostPath& run_directory, milliseconds patience) {
    base::SteadyTime deadline = base::steady_now() + patience;
    for (;;) {
        std::optional<ControlClient> control = ControlClient::connect(run_directory);
        if (control && control->send("wait"))
            control->read_line(deadline);
        ServiceStatus status = read_status(run_directory);
        // Without a supervisor there is nothing to wait for, but one that holds its lock may be about to
        // listen.
        bool coming = status.state == ServiceState::starting && !control;
        if (!coming || base::steady_now() >= deadline)
            return status;
        std::this_thread::sleep_for(milliseconds(5));
    }
}

bool stop(const base::HostPath& run_directory) {
    std::unique_ptr<confine::Driver> driver;
    return stop_with(run_directory, [&driver](const SupervisedService& service) -> confine::Driver& {
        driver = confine::open_driver(service.state_directory, service.runtime);
        return *driver;
    });
}

bool stop(const base::HostPath& run_directory, confine::Driver& driver) {
    return stop_with(run_directory,
                     [&driver](const SupervisedService&) -> confine::Driver& { return driver; });
}

bool reset_failed(const base::HostPath& run_directory) {
    const std::string jail = jail_of(run_directory);
    base::Lock launching = take_launch_lock(run_directory, jail, "reset-failed");
    // Its supervisor ends right after it has written this; until then it alone may write.
    base::Lock lock = base::Lock::take(lock_file(run_directory), base::LockMode::exclusive, jail,
                                       "reset-failed", answer_patience);
    std::optional<RecordedStatus> recorded = read_recorded(run_directory);
    if (!recorded || recorded->status.state != ServiceState::failed)
        return false;
    recorded->status.state = ServiceState::stopped;
    recorded->status.reason = "reset by operator, after " + recorded->status.reason;
    write_state(run_directory, *recorded);
    return true;
}

std::optional<Error> lost_socket(const base::HostPath& run_directory) {
    if (!has_lost_socket(run_directory))
        return std::nullopt;
    const ServiceStatus status = read_status(run_directory); // one that ends removes it
    if (!status.supervisor || ended_properly(status))
        return std::nullopt;
    const std::string jail = jail_of(run_directory);
    return Error(ErrorKind::conflict, jail,
                 described(status.supervisor) + " cannot be reached: its control socket is gone",
                 fmt::format("pkgjail restart {}", jail));
}

std::optional<Error> unnoticed_end(const base::HostPath& run_directory, ServiceStatus& status) {
    if (!status.supervisor || !status.service || base::is_alive(*status.service))
        return std::nullopt;
    try {
        const std::optional<ControlClient> control = ControlClient::connect(run_directory);
        if (control && !control->is_silent()) { // it was only slow
            status = read_status(run_directory);
            return std::nullopt;
        }
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::busy) // not one whose queue nobody empties
            return std::nullopt;
    }
    status = read_status(run_directory);
    if (!status.supervisor || !status.service || base::is_alive(*status.service))
        return std::nullopt;
    return no_answer(run_directory, "has not noticed that its service has ended, and does not answer",
                     "pkgjail start " + jail_of(run_directory));
}

void reload(const base::HostPath& run_directory) {
    std::optional<std::string> answer = ask(run_directory, "reload");
    if (answer == "ok")
        return;
    constexpr std::string_view error = "error ";
    if (answer && answer->starts_with(error))
        throw Error(ErrorKind::conflict, jail_of(run_directory), answer->substr(error.size()));
    if (const auto lost = lost_socket(run_directory))
        throw *lost;
    ServiceStatus status = read_status(run_directory);
    if (!answer && status.supervisor)
        throw no_answer(run_directory, "does not answer", "pkgjail restart " + jail_of(run_directory));
    throw Error(ErrorKind::conflict, jail_of(run_directory),
                "has no supervisor that answers; the service is " + std::string(state_name(status.state)) +
                    (status.reason.empty() ? "" : ": " + status.reason));
}

namespace {

std::string_view word_of(ServiceVerb verb) {
    switch (verb) {
    case ServiceVerb::start:
        return "start";
    case ServiceVerb::stop:
        return "stop";
    case ServiceVerb::restart:
        return "restart";
    case ServiceVerb::reload:
        break;
    }
    return "reload";
}

/// The state of one service, as the file has it now; nullopt for the first one and where nobody supervises.
std::optional<ServicePart> part_of(const ServiceStatus& status, const std::string& service) {
    for (const ServicePart& part : status.further)
        if (part.name == service)
            return part;
    return std::nullopt;
}

} // namespace

bool ask_service(const base::HostPath& run_directory, const std::string& service, ServiceVerb verb,
                 milliseconds patience) {
    const std::optional<std::string> answer = ask(run_directory, std::string(word_of(verb)) + " " + service);
    constexpr std::string_view error = "error ";
    if (answer && answer->starts_with(error))
        throw Error(ErrorKind::conflict, "service " + service, answer->substr(error.size()));
    if (!answer || !answer->starts_with("ok")) {
        if (const auto lost = lost_socket(run_directory))
            throw *lost;
        const ServiceStatus status = read_status(run_directory);
        throw Error(ErrorKind::conflict, "service " + service,
                    fmt::format("the jail has no supervisor that answers; it is {}{}{}",
                                state_name(status.state), status.reason.empty() ? "" : ": ", status.reason));
    }
    const bool changed = *answer == "ok";
    if (verb == ServiceVerb::reload)
        return changed;
    const ServiceState wanted = verb == ServiceVerb::stop ? ServiceState::stopped : ServiceState::ready;
    for (const base::SteadyTime deadline = base::steady_now() + patience;;) {
        const ServiceStatus status = read_status(run_directory);
        const std::optional<ServicePart> part = part_of(status, service);
        if (part && part->state == wanted)
            return changed;
        const bool over = status.state == ServiceState::stopped || status.state == ServiceState::failed ||
                          status.state == ServiceState::unsupervised;
        if (!part && verb != ServiceVerb::stop && over)
            throw Error(ErrorKind::unhealthy, "service " + service,
                        fmt::format("the jail is {}: {}", state_name(status.state), status.reason));
        if (!part) // the first one, which runs while the jail does
            return changed;
        if (part->state == ServiceState::failed || base::steady_now() >= deadline)
            throw Error(ErrorKind::unhealthy, "service " + service,
                        fmt::format("is {}: {}", state_name(part->state), part->reason));
        std::this_thread::sleep_for(milliseconds(10));
    }
}

bool change_limits(const base::HostPath& run_directory, const jail::Limits& limits, milliseconds patience) {
    const ServiceStatus status = read_status(run_directory);
    if (status.state == ServiceState::stopped || status.state == ServiceState::failed)
        return false;
    base::Lock changing = take_launch_lock(run_directory, jail_of(run_directory), "limits");
    SupervisedService service = read_service(run_directory);
    const jail::Limits former = std::exchange(service.spec.limits, limits);
    const auto write = [&] { write_service(run_directory, service); };
    const auto write_former = [&] {
        service.spec.limits = former;
        write();
    };
    std::optional<std::string> answer;
    try {
        write();
        answer = ask(run_directory, "limits", patience);
    } catch (const Error&) { // nobody was asked
        try {
            write_former();
        } catch (const Error&) {
            // what came first is told; the next start writes the file anew
        }
        throw;
    }
    if (answer == "ok")
        return true;
    // One that is only slow does nothing for whoever has gone, unless it has begun with it.
    write_former();
    if (!answer)
        if (const auto lost = lost_socket(run_directory))
            throw *lost;
    if (!answer && supervisor_lock_is_held(run_directory)) {
        const Error silent =
            no_answer(run_directory, "does not answer, and may still put the limits in force",
                      "pkgjail restart " + service.spec.jail);
        throw Error(silent.kind(), silent.object(), silent.cause(),
                    silent.hint().empty() ? "try again: the same command settles it"
                                          : "try again; if it stays so, " + silent.hint());
    }
    constexpr std::string_view error = "error ";
    if (answer && answer->starts_with(error)) {
        std::string hint =
            "what cannot be changed while it runs holds from the next start: stop, change, start";
        if (answer->ends_with(must_be_enforced))
            hint = fmt::format("a start would fail by it too; pkgjail limits {0} require=any does without, "
                               "pkgjail limits {0} LIMIT=none takes the limit away",
                               service.spec.jail);
        else if (answer->ends_with(confine::cannot_give_back))
            hint =
                fmt::format("choose more than that; pkgjail status {} has what it uses", service.spec.jail);
        throw Error(ErrorKind::denied, service.spec.jail, answer->substr(error.size()), hint);
    }
    throw Error(ErrorKind::conflict, service.spec.jail, "has no supervisor that answers",
                "pkgjail restart " + service.spec.jail + " starts it anew under one");
}

} // namespace pkgjail::supervise
