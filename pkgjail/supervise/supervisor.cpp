// A supervisor's beginning: lock, description, driver, what a dead one left; then the loop of ServiceKeeper.
#include "pkgjail/supervise/supervisor.hpp"

#include <cerrno>
#include <functional>
#include <memory>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pkgjail/base/boot.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/lock.hpp"
#include "pkgjail/confine/call_listener.hpp"
#include "pkgjail/supervise/announcement.hpp"
#include "pkgjail/supervise/memory.hpp"
#include "pkgjail/supervise/service_json.hpp"
#include "pkgjail/supervise/service_keeper.hpp"
#include "pkgjail/supervise/state_file.hpp"

namespace pkgjail::supervise {

namespace {

/// Gives the driver; may open it, and keeps it.
using FindDriver = std::function<confine::Driver&(const SupervisedService& service)>;
using Announce = std::function<void(const base::Error* error)>;

base::Lock take_lock(const base::HostPath& run_directory) {
    // Readers share the lock for an instant to see whether it is held.
    constexpr std::chrono::milliseconds patience(2'000);
    try {
        return base::Lock::take(lock_file(run_directory), base::LockMode::exclusive, jail_of(run_directory),
                                "supervise", patience);
    } catch (const base::Error& error) {
        if (error.kind() != base::ErrorKind::busy)
            throw;
        throw base::Error(base::ErrorKind::conflict, jail_of(run_directory),
                          "has a supervisor already, " + error.cause());
    }
}

/// The state for a supervisor that cannot go on, although it holds the lock and nothing is left of its jail.
void record_failure(const base::HostPath& run_directory, const std::string& reason) {
    RecordedStatus recorded;
    recorded.boot = base::boot_id();
    recorded.status.sums.ended = carried_over(run_directory);
    recorded.status.state = ServiceState::failed;
    recorded.status.reason = reason;
    write_state(run_directory, recorded);
}

int supervise(const base::HostPath& run_directory, const FindDriver& find_driver, const Announce& announce) {
    base::Lock lock = take_lock(run_directory);
    SupervisedService service = read_service(run_directory);
    SignalPipe signals;
    confine::become_reaper();
    confine::Driver& driver = find_driver(service);
    // What a dead supervisor left. Until it is gone the state file stays as it is, but for the counters: it
    // tells what lives on.
    if (std::optional<RecordedStatus> recorded = read_recorded(run_directory);
        recorded && recorded->boot == base::boot_id())
        close_run(
            *recorded, [&] { write_state(run_directory, *recorded); },
            [&] { return driver.usage(service.spec.handle, run_directory); });
    driver.remove(service.spec.handle, run_directory);
    confine::CallListener::remove_left(run_directory);
    std::optional<ServiceKeeper> keeper;
    try {
        keeper.emplace(run_directory, driver, std::move(service), signals);
    } catch (const base::Error& error) {
        record_failure(run_directory, error.what());
        throw;
    }
    announce(nullptr);
    return keeper->run();
}

int supervise_or_tell(const base::HostPath& run_directory, const FindDriver& find_driver,
                      const Announce& announce) noexcept {
    try {
        try {
            return supervise(run_directory, find_driver, announce);
        } catch (const base::Error& error) {
            announce(&error);
        } catch (const std::exception& problem) {
            base::Error error(base::ErrorKind::system, "supervisor", problem.what());
            announce(&error);
        }
    } catch (const std::exception&) {
        // Nobody listens any more: launch() has seen the end of the pipe, and says so.
    }
    return 1;
}

/// Tells launch() and lets go of its descriptors, so that nothing that reads the command's output waits for
/// us.
void announce_and_detach(const base::Error* error) {
    base::Fd null = base::open_file("/dev/null", O_RDWR);
    announce(error);
    for (int standard = 0; standard <= 2; ++standard)
        if (::dup2(null.get(), standard) < 0)
            throw base::system_error(errno, "/dev/null", "dup2");
}

} // namespace

bool SupervisedService::can_reload() const {
    return service.reload_signal != 0 ||
           std::any_of(further.begin(), further.end(),
                       [](const FurtherServiceSpec& one) { return one.service.reload_signal != 0; });
}

int run_supervisor(const base::HostPath& run_directory) noexcept {
    prefer_small_memory();
    // launch() made us a session of our own; whoever starts the program by hand gets one too. The leader of a
    // group cannot, and has one then.
    static_cast<void>(::setsid());
    ::umask(077);
    std::unique_ptr<confine::Driver> driver;
    return supervise_or_tell(
        run_directory,
        [&driver](const SupervisedService& service) -> confine::Driver& {
            driver = confine::open_driver(service.state_directory, service.runtime);
            return *driver;
        },
        announce_and_detach);
}

int run_supervisor(const base::HostPath& run_directory, confine::Driver& driver) noexcept {
    return supervise_or_tell(
        run_directory, [&driver](const SupervisedService&) -> confine::Driver& { return driver; },
        [](const base::Error*) {});
}

} // namespace pkgjail::supervise
