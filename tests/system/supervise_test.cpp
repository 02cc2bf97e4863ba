// The supervisor as a program of its own over the host's real driver.
#ifdef __linux__

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include <sys/stat.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/supervise/service_log.hpp"
#include "pkgjail/supervise/supervisor.hpp"
#include "support/catch.hpp"
#include "system/confine_fixture.hpp"

using namespace pkgjail;
using namespace std::chrono_literals;
using supervise::ServiceState;
using supervise::ServiceStatus;
using test::HostJail;
using test::traces_of;

namespace {

constexpr auto patience = 60s;

base::HostPath supervisor_program() {
    return base::HostPath(PKGJAIL_BINARY_DIR) / "bin" / "pkgjail-supervisor";
}

std::string show(const ServiceStatus& status) {
    return std::string(supervise::state_name(status.state)) + ": " + status.reason;
}

/// A supervised service in a jail on the host's base.
struct SupervisedJail {
    HostJail jail{"service"};
    supervise::SupervisedService service;

    explicit SupervisedJail(const std::string& script) {
        service.spec = jail.spec;
        service.spec.command = {"/bin/sh", "-c", script};
        service.service.name = "service";
        service.service.stop_timeout = 20s;
        service.service.restart.backoff = 10ms;
        service.service.restart.budget = 2;
        service.health.interval = 20ms;
        service.state_directory = test::system_state();
        service.log_file = jail.directory() / "service.log";
    }
    ~SupervisedJail() {
        try {
            supervise::stop(run());
        } catch (const base::Error& error) {
            WARN("the service could not be stopped: " << error.what());
        }
    }
    base::HostPath run() const { return jail.run_directory(); }
    ServiceStatus launch() {
        REQUIRE(::chmod(run().c_str(), 0700) == 0);
        supervise::launch(supervisor_program(), run(), service);
        return supervise::wait_until_settled(run(), patience);
    }
    ServiceStatus wait_for(const std::function<bool(const ServiceStatus&)>& what) {
        ServiceStatus status;
        for (auto deadline = base::steady_now() + patience; base::steady_now() < deadline;) {
            status = supervise::read_status(run());
            if (what(status))
                break;
            std::this_thread::sleep_for(5ms);
        }
        return status;
    }
    std::string output() {
        std::string text;
        for (const supervise::LogRecord& record : supervise::read_log(service.log_file, std::nullopt, 0))
            if (record.stream != "sup")
                text += record.stream + ": " + record.text + "\n";
        return text;
    }
};

/// Proportional memory of a process, from the kernel.
long pss_kib(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
    std::string word;
    while (file >> word)
        if (word == "Pss:") {
            long value = 0;
            file >> value;
            return value;
        }
    return -1;
}

} // namespace

TEST_CASE("a supervised service runs in its jail, is the supervisor's child, and stops without a trace",
          "[root][supervise]") {
    if (test::system_driver() == nullptr)
        return;
    SupervisedJail web(
        "echo pid $$; echo warning >&2; trap 'echo bye; exit 0' TERM; while :; do sleep 0.05; done");
    web.service.spec.limits.wanted[jail::LimitKind::memory] = {64u << 20, "test"};

    ServiceStatus status = web.launch();

    REQUIRE(show(status) == "ready: still runs after 300 ms");
    REQUIRE(status.service);
    CHECK(base::is_alive(*status.service));
    std::string stat =
        base::read_file_if_exists("/proc/" + std::to_string(status.service->pid) + "/stat").value();
    CHECK_THAT(stat, ContainsSubstring(") S " + std::to_string(status.supervisor->pid) + " "));
    REQUIRE(status.limits.size() == 1);
    CHECK(status.limits[0].wanted == 64u << 20);
    long pss = pss_kib(status.supervisor->pid);
    INFO("the supervisor uses " << pss << " KiB");
    CHECK(pss > 0);

    CHECK(supervise::stop(web.run()));
    CHECK(show(supervise::read_status(web.run())) == "stopped: stopped by operator");
    CHECK_THAT(web.output(), ContainsSubstring("out: pid 1\n"));
    CHECK_THAT(web.output(), ContainsSubstring("err: warning\n"));
    CHECK_THAT(web.output(), ContainsSubstring("out: bye\n"));
    CHECK_FALSE(test::system_driver()->exists(web.service.spec.handle, web.run()));
    CHECK_THAT(traces_of(web.jail), !ContainsSubstring("process") && !ContainsSubstring("mount") &&
                                        !ContainsSubstring("control group"));
}

TEST_CASE("a probe command runs inside the jail", "[root][supervise]") {
    if (test::system_driver() == nullptr)
        return;
    SupervisedJail web("sleep 0.3; touch /data/open; exec sleep 1000");
    web.service.health.probe = jail::Probe{
        jail::Probe::Kind::command,
        {},
        {"/bin/sh", "-c", "hostname 2>/dev/null || cat /proc/sys/kernel/hostname; test -e /data/open"}};
    web.service.service.stop_timeout = 500ms;

    ServiceStatus status = web.launch();

    CHECK(show(status) == "ready: exit status 0: service");
}

TEST_CASE("a probe command that hangs is ended, also inside the jail", "[root][supervise]") {
    if (test::system_driver() == nullptr)
        return;
    SupervisedJail web("exec sleep 1000");
    web.service.health.probe = jail::Probe{jail::Probe::Kind::command, {}, {"/bin/sleep", "2000"}};
    web.service.health.timeout = 1000ms;
    web.service.health.grace = 60s;
    web.service.service.stop_timeout = 500ms;
    REQUIRE(::chmod(web.run().c_str(), 0700) == 0);
    supervise::launch(supervisor_program(), web.run(), web.service);

    ServiceStatus status = web.wait_for([](const ServiceStatus& now) { return !now.last_probe.empty(); });

    CHECK(status.last_probe == "no answer within 1 s");
    auto most = 0u;
    for (int look = 0; look < 100; ++look) { // five probes' worth
        most =
            std::max(most, static_cast<unsigned>(
                               test::system_driver()->processes(web.service.spec.handle, web.run()).size()));
        std::this_thread::sleep_for(50ms);
    }
    // The service, one probe, and for an instant the one before it.
    CHECK(most <= 3);
}

TEST_CASE("a unix socket is asked for in the jail's own view of its files", "[root][supervise]") {
    if (test::system_driver() == nullptr)
        return;
    SupervisedJail web("ln -s /canary /tmp/link; exec sleep 1000");
    web.service.health.probe = jail::Probe{jail::Probe::Kind::unix_socket, "/tmp/link", {}};
    web.service.service.stop_timeout = 500ms;
    REQUIRE(::chmod(web.run().c_str(), 0700) == 0);
    supervise::launch(supervisor_program(), web.run(), web.service);

    ServiceStatus status = web.wait_for([](const ServiceStatus& now) { return !now.last_probe.empty(); });

    CHECK(status.last_probe == "no such file or directory");
}

TEST_CASE("a service that goes into the background ends with its jail, and it is said why",
          "[root][supervise]") {
    if (test::system_driver() == nullptr)
        return;
    SupervisedJail web("sleep 1000 & exit 0");

    CHECK(show(web.launch()) ==
          "failed: ended with exit status 0: it must stay in the foreground, or its recipe name a pid-file");
    CHECK_FALSE(test::system_driver()->exists(web.service.spec.handle, web.run()));
}

TEST_CASE("a program that is not in the jail fails the start at once", "[root][supervise]") {
    if (test::system_driver() == nullptr)
        return;
    SupervisedJail web("");
    web.service.spec.command = {"/nonexistent"};

    ServiceStatus status = web.launch();

    CHECK(status.state == ServiceState::failed);
    CHECK_THAT(status.reason, ContainsSubstring("/nonexistent"));
}

TEST_CASE("a service whose supervisor was killed is told of, and stopped through the driver",
          "[root][supervise]") {
    if (test::system_driver() == nullptr)
        return;
    SupervisedJail web("trap 'exit 0' TERM; while :; do sleep 0.05; done");
    ServiceStatus running = web.launch();
    REQUIRE(running.state == ServiceState::ready);

    ::kill(running.supervisor->pid, SIGKILL);
    ServiceStatus seen =
        web.wait_for([](const ServiceStatus& now) { return now.state != ServiceState::ready; });

    CHECK(show(seen) == "unsupervised: its supervisor was killed while it was ready");
    CHECK(supervise::stop(web.run()));
    CHECK_FALSE(base::is_alive(*running.service));
    CHECK_FALSE(test::system_driver()->exists(web.service.spec.handle, web.run()));
}

TEST_CASE("a new supervisor replaces what a killed one left", "[root][supervise]") {
    if (test::system_driver() == nullptr)
        return;
    SupervisedJail web("exec sleep 1000");
    web.service.service.stop_timeout = 500ms;
    ServiceStatus before = web.launch();
    REQUIRE(before.state == ServiceState::ready);
    ::kill(before.supervisor->pid, SIGKILL);
    web.wait_for([](const ServiceStatus& now) { return now.state == ServiceState::unsupervised; });

    ServiceStatus after = web.launch();

    CHECK(after.state == ServiceState::ready);
    CHECK_FALSE(base::is_alive(*before.service));
    CHECK(test::system_driver()->processes(web.service.spec.handle, web.run()).size() == 1);
}

TEST_CASE("a service that is killed is started again in a jail of the same name", "[root][supervise]") {
    if (test::system_driver() == nullptr)
        return;
    SupervisedJail web("exec sleep 1000");
    web.service.service.stop_timeout = 500ms;
    ServiceStatus before = web.launch();
    REQUIRE(before.state == ServiceState::ready);

    ::kill(before.service->pid, SIGKILL);
    ServiceStatus after = web.wait_for([&](const ServiceStatus& now) {
        return now.state == ServiceState::ready && now.service != before.service;
    });

    CHECK(after.state == ServiceState::ready);
    CHECK(after.restarts == 1);
    CHECK(after.last_exit == "signal 9 (Killed)");
    CHECK(after.supervisor == before.supervisor);
}

TEST_CASE("launching twice at once makes one supervisor and one conflict", "[root][supervise]") {
    if (test::system_driver() == nullptr)
        return;
    SupervisedJail web("exec sleep 1000");
    web.service.service.stop_timeout = 500ms;
    REQUIRE(::chmod(web.run().c_str(), 0700) == 0);
    int conflicts = 0;
    std::thread other([&] {
        try {
            supervise::launch(supervisor_program(), web.run(), web.service);
        } catch (const base::Error& error) {
            conflicts += error.kind() == base::ErrorKind::conflict ? 1 : 100;
        }
    });
    int own = 0;
    try {
        supervise::launch(supervisor_program(), web.run(), web.service);
    } catch (const base::Error& error) {
        own = error.kind() == base::ErrorKind::conflict ? 1 : 100;
    }
    other.join();

    CHECK(conflicts + own == 1);
    CHECK(supervise::wait_until_settled(web.run(), patience).state == ServiceState::ready);
}

#endif
