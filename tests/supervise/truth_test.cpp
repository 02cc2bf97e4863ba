// What read_status() says when supervisor, service or host did not end as they should.
#include <csignal>
#include <filesystem>
#include <thread>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pkgjail/base/boot.hpp"
#include "pkgjail/base/directory_mark.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/lock.hpp"
#include "pkgjail/supervise/state_file.hpp"
#include "supervised.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using namespace std::chrono_literals;
using supervise::RecordedStatus;
using supervise::ServiceState;
using supervise::ServiceStatus;
using test::show;
using test::Supervised;

namespace {

/// Writes a state file as a supervisor `dead` for long would have left it.
void leave(const base::HostPath& run, ServiceState state, std::optional<base::ProcessId> service,
           const std::string& boot = base::boot_id()) {
    base::make_directories(run, 0700);
    RecordedStatus recorded;
    recorded.boot = boot;
    recorded.status.state = state;
    recorded.status.reason = "as it was";
    recorded.status.supervisor = base::ProcessId{::getpid(), 1};
    recorded.status.service = service;
    supervise::write_state(run, recorded);
}

} // namespace

TEST_CASE("a killed supervisor leaves its service running, unsupervised", "[supervise][truth]") {
    Supervised web("exec sleep 1000");
    ServiceStatus running = web.settle();

    web.kill_supervisor();

    CHECK(show(web.status()) == "unsupervised: its supervisor was killed while it was ready");
    CHECK(web.status().service == running.service);
    CHECK_FALSE(web.status().supervisor);
    CHECK(base::is_alive(*running.service));
}

TEST_CASE("a copy of the state directory does not claim the original's service", "[supervise][truth]") {
    const test::TempDir directory;
    const base::HostPath runs = directory / "run";
    leave(runs / "web", ServiceState::ready, base::identify_process(::getpid()));
    base::mark_directory(runs, false);
    std::filesystem::copy(runs, directory / "copy", std::filesystem::copy_options::recursive);

    CHECK(show(supervise::read_status(runs / "web")) ==
          "unsupervised: its supervisor was killed while it was ready");
    CHECK(show(supervise::read_status(base::HostPath(directory / "copy") / "web")) ==
          "stopped: it was ready in the state directory that this one is a copy of");
}

TEST_CASE("an unsupervised service is stopped all the same", "[supervise][truth]") {
    Supervised web("trap 'echo saved > \"$DIR/saved\"; exit 0' TERM; while :; do sleep 0.01; done");
    ServiceStatus running = web.settle();
    web.kill_supervisor();

    CHECK(web.stop());

    CHECK(show(web.status()) ==
          "stopped: stopped by operator, after its supervisor was killed while it was ready");
    CHECK_FALSE(base::is_alive(*running.service));
    CHECK(base::read_file(web.file("saved")) == "saved\n");
    CHECK_FALSE(web.stop());
}

TEST_CASE("a new supervisor clears away what a killed one left", "[supervise][truth]") {
    Supervised web("exec sleep 1000");
    ServiceStatus before = web.settle();
    web.kill_supervisor();

    ServiceStatus after = web.settle();

    CHECK(after.state == ServiceState::ready);
    CHECK_FALSE(base::is_alive(*before.service));
    REQUIRE(after.service);
    CHECK(after.service != before.service);
    CHECK(base::is_alive(*after.service));
}

TEST_CASE("service and supervisor killed together are stopped, and it is said why", "[supervise][truth]") {
    Supervised web("exec sleep 1000");
    ServiceStatus running = web.settle();

    web.kill_supervisor();
    ::kill(running.service->pid, SIGKILL);
    test::wait_until([&] { return !base::is_alive(*running.service); });

    CHECK(show(web.status()) == "stopped: its supervisor was killed while it was ready");
    CHECK_FALSE(web.status().service);
}

TEST_CASE("a supervisor killed in backoff is told from a failed service", "[supervise][truth]") {
    Supervised web("exit 1");
    web.service.service.restart.backoff = web.service.service.restart.backoff_max = 1h;
    web.begin();
    web.wait_for(ServiceState::backoff);

    web.kill_supervisor();

    CHECK(show(web.status()) == "stopped: its supervisor was killed while it was backoff");
}

TEST_CASE("a supervisor that is killed while a probe runs leaves no lock behind", "[supervise][truth]") {
    Supervised web("exec sleep 1000");
    web.service.health.probe = jail::Probe{
        jail::Probe::Kind::command, {}, {"/bin/sh", "-c", "echo $$ > \"$DIR/probe\"; exec sleep 1000"}};
    web.begin();
    REQUIRE(web.wait_for_text("probe", "\n"));
    REQUIRE(web.wait_for([](const ServiceStatus& now) { return now.service.has_value(); }).service);

    web.kill_supervisor();

    CHECK_FALSE(supervise::supervisor_lock_is_held(web.run()));
    CHECK(web.status().state == ServiceState::unsupervised);
    ::kill(static_cast<pid_t>(std::stol(base::read_file(web.file("probe")))), SIGKILL);
}

TEST_CASE("a supervisor killed at any moment can be launched again", "[supervise][truth]") {
    Supervised web("exec sleep 1000");
    for (int number = 0; number < 12; ++number) {
        web.begin();
        std::this_thread::sleep_for(std::chrono::milliseconds(number * 3));
        web.kill_supervisor();
        ServiceStatus seen = web.status();
        INFO(number << ": " << show(seen));
        CHECK((seen.state == ServiceState::stopped || seen.state == ServiceState::unsupervised));
        CHECK((seen.state == ServiceState::unsupervised) == seen.service.has_value());
    }

    ServiceStatus status = web.settle();

    CHECK(status.state == ServiceState::ready);
    CHECK(web.stop());
    CHECK_FALSE(web.status().service);
}

TEST_CASE("a pid that belongs to somebody else by now is not the service", "[supervise][truth]") {
    test::TempDir dir;
    // This very process, but started at another time.
    leave(dir / "run", ServiceState::ready, base::ProcessId{::getpid(), 1});
    CHECK(show(supervise::read_status(dir / "run")) ==
          "stopped: its supervisor was killed while it was ready");

    leave(dir / "run", ServiceState::ready, base::identify_process(::getpid()));
    CHECK(show(supervise::read_status(dir / "run")) ==
          "unsupervised: its supervisor was killed while it was ready");
}

TEST_CASE("after a restart of the host nothing runs, whatever the pids say", "[supervise][truth]") {
    test::TempDir dir;
    leave(dir / "run", ServiceState::ready, base::identify_process(::getpid()), "another boot");

    CHECK(show(supervise::read_status(dir / "run")) == "stopped: the host restarted while it was ready");
}

TEST_CASE("a service that failed or was stopped stays so over a restart of the host", "[supervise][truth]") {
    test::TempDir dir;
    leave(dir / "run", ServiceState::failed, std::nullopt, "another boot");
    CHECK(show(supervise::read_status(dir / "run")) == "failed: as it was");

    leave(dir / "run", ServiceState::stopped, std::nullopt, "another boot");
    CHECK(show(supervise::read_status(dir / "run")) == "stopped: as it was");
}

TEST_CASE("a missing or damaged state file is no failure", "[supervise][truth]") {
    test::TempDir dir;
    base::HostPath run = dir / "run";
    CHECK(show(supervise::read_status(run)) == "stopped: never started");
    base::make_directories(run, 0700);
    for (const char* text : {"", "{", "[]", "{}", "null", "{\"format\":99}", "\x01\xff",
                             "{\"format\":1,\"state\":\"unsupervised\"}"}) {
        base::write_file_atomically(run / "state.json", text);
        ServiceStatus status = supervise::read_status(run);
        INFO(text);
        CHECK(status.state == ServiceState::stopped);
        CHECK_THAT(status.reason, ContainsSubstring("its state file is damaged ("));
    }
    // A supervisor holds the lock and has written nothing yet.
    base::Lock lock =
        base::Lock::take(supervise::lock_file(run), base::LockMode::exclusive, "run", "test", 0ms);
    CHECK(supervise::read_status(run).state == ServiceState::starting);
    ::unlink((run / "state.json").c_str());
    CHECK(show(supervise::read_status(run)) == "starting: its supervisor is starting");
}

TEST_CASE("a supervisor that has not noticed yet is not believed", "[supervise][truth]") {
    Supervised web("exec sleep 1000");
    ServiceStatus running = web.settle();
    ::kill(web.supervisor(), SIGSTOP);

    ::kill(running.service->pid, SIGKILL);
    test::wait_until([&] { return !base::is_alive(*running.service); });
    ServiceStatus seen = web.status();
    ::kill(web.supervisor(), SIGCONT);

    CHECK(show(seen) == "unhealthy: its process is gone and the supervisor has not noticed yet");
}

TEST_CASE("a supervisor that hangs beside the end of its service is named, one that is only slow is not",
          "[supervise][truth][slow]") {
    Supervised web("exec sleep 1000");
    web.service.service.restart.backoff = web.service.service.restart.backoff_max = 1h;
    ServiceStatus running = web.settle();
    CHECK_FALSE(supervise::unnoticed_end(web.run(), running));
    ::kill(web.supervisor(), SIGSTOP);
    CHECK_FALSE(supervise::unnoticed_end(web.run(), running)); // of a service that runs nothing is asked
    ::kill(running.service->pid, SIGKILL);
    test::wait_until([&] { return !base::is_alive(*running.service); });
    ServiceStatus seen = web.status();

    const auto trouble = supervise::unnoticed_end(web.run(), seen);

    REQUIRE(trouble);
    const std::string pid = std::to_string(web.supervisor());
    CHECK(trouble->kind() == base::ErrorKind::busy);
    CHECK(trouble->object() == "test");
    CHECK(trouble->cause() == "its supervisor (process " + pid +
                                  ") has not noticed that its service has ended, and does not answer");
    CHECK(trouble->hint() == "end it with: kill -9 " + pid + ", then pkgjail start test");
    ::kill(web.supervisor(), SIGCONT);
    CHECK_FALSE(supervise::unnoticed_end(web.run(), seen));
    CHECK(seen.state == ServiceState::backoff);
}

TEST_CASE("of two supervisors at once one gives way", "[supervise][launch]") {
    Supervised web("echo start >> \"$DIR/starts\"; exec sleep 1000");
    ServiceStatus first = web.settle();

    pid_t second = ::fork();
    if (second == 0) {
        test::LastingDriver driver;
        ::_exit(supervise::run_supervisor(web.run(), driver));
    }
    int status = 0;
    ::waitpid(second, &status, 0);

    CHECK(WEXITSTATUS(status) == 1);
    CHECK(web.status().service == first.service);
    CHECK(base::read_file(web.file("starts")) == "start\n");
}

TEST_CASE("launching what runs already is a conflict that names the supervisor", "[supervise][launch]") {
    Supervised web("exec sleep 1000");
    ServiceStatus running = web.settle();

    CHECK_THROWS_WITH(
        supervise::launch("/bin/true", web.run(), web.service),
        ContainsSubstring("test: is ready already (supervisor " + std::to_string(web.supervisor()) + ")"));
    CHECK(web.status().service == running.service);
}

TEST_CASE("a supervisor that cannot begin is an error of launch", "[supervise][launch]") {
    Supervised web("exec sleep 1000");

    CHECK_THROWS_WITH(supervise::launch("/bin/false", web.run(), web.service),
                      ContainsSubstring("ended with exit status 1 before it was ready to supervise"));
    CHECK_THROWS_AS(supervise::launch("/nonexistent", web.run(), web.service), base::Error);
    CHECK(show(web.status()) == "stopped: never started");
}

TEST_CASE("a run directory that others can write to is refused", "[supervise][launch]") {
    Supervised web("exec sleep 1000");
    base::make_directories(web.run(), 0700);
    REQUIRE(::chmod(web.run().c_str(), 0777) == 0);

    CHECK_THROWS_WITH(supervise::launch("/bin/true", web.run(), web.service),
                      ContainsSubstring("only its owner, who is you, can write to"));
}
