// Every arrow of the diagram in service_state.hpp.
#include <csignal>

#include "pkgjail/base/error.hpp"
#include "supervised.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using namespace std::chrono_literals;
using jail::Probe;
using supervise::ServiceState;
using supervise::ServiceStatus;
using test::show;
using test::Supervised;

namespace {

Probe command_probe(const std::string& script) {
    return {Probe::Kind::command, {}, {"/bin/sh", "-c", script}};
}

} // namespace

TEST_CASE("a service without a probe is ready when it has lived a moment", "[supervise][state]") {
    Supervised web("exec sleep 1000");

    ServiceStatus status = web.settle();

    CHECK(show(status) == "ready: still runs after 300 ms");
    REQUIRE(status.service);
    CHECK(base::is_alive(*status.service));
    REQUIRE(status.supervisor);
    CHECK(status.supervisor->pid == web.supervisor());
    REQUIRE(status.ready_at);
    CHECK(*status.ready_at - *status.started_at >= 300ms);
    CHECK(status.restarts == 0);
    CHECK(status.driver == "fake driver, nothing is confined");
}

TEST_CASE("a service is starting until its probe succeeds", "[supervise][state]") {
    Supervised web("exec sleep 1000");
    web.service.health.probe = command_probe("echo not yet; test -e \"$DIR/open\"");
    web.begin();

    ServiceStatus before = web.wait_for([](const ServiceStatus& now) { return !now.last_probe.empty(); });
    base::write_file_atomically(web.file("open"), "");
    ServiceStatus after = supervise::wait_until_settled(web.run(), test::patience);

    CHECK(before.state == ServiceState::starting);
    CHECK(before.last_probe == "exit status 1: not yet");
    CHECK(show(after) == "ready: exit status 0: not yet");
}

TEST_CASE("as many successes in a row as the recipe asks for make a service ready", "[supervise][state]") {
    Supervised web("exec sleep 1000");
    web.service.health.successes = 3;
    // Fails on its third attempt, so three in a row are attempts 4 to 6.
    web.service.health.probe = command_probe("echo >> \"$DIR/asked\"; test $(wc -l < \"$DIR/asked\") -ne 3");

    ServiceStatus status = web.settle();

    CHECK(status.state == ServiceState::ready);
    std::string asked = base::read_file(web.file("asked"));
    CHECK(asked.size() >= 6);
}

TEST_CASE("a service that ends while starting is started again within its budget, then it is failed",
          "[supervise][state]") {
    Supervised web("echo start >> \"$DIR/starts\"; exit 3");

    ServiceStatus status = web.settle();

    CHECK(show(status) == "failed: exit status 3 (given up after 2 restarts within 60 s)");
    CHECK(status.last_exit == "exit status 3");
    CHECK(status.restarts == 2);
    CHECK(base::read_file(web.file("starts")) == "start\nstart\nstart\n");
    CHECK(web.supervisor_exit() == 1);
    CHECK(show(web.status()) == "failed: exit status 3 (given up after 2 restarts within 60 s)");
    CHECK_FALSE(web.status().supervisor);
    CHECK_FALSE(web.status().service);
}

TEST_CASE("a service that is not ready within its grace has failed to start", "[supervise][state]") {
    Supervised web("trap 'echo ended >> \"$DIR/ended\"; exit 0' TERM; while :; do sleep 0.01; done");
    web.service.health.probe = command_probe("echo closed; exit 1");
    web.service.health.grace = 100ms;
    web.service.service.restart.budget = 1;

    ServiceStatus status = web.settle();

    CHECK(show(status) ==
          "failed: not ready within 100 ms: exit status 1: closed (given up after 1 restarts within 60 s)");
    CHECK(base::read_file(web.file("ended")) == "ended\nended\n");
}

TEST_CASE("a ready service that ends is started again", "[supervise][state]") {
    Supervised web("exec sleep 1000");
    ServiceStatus first = web.settle();
    REQUIRE(first.state == ServiceState::ready);

    ::kill(first.service->pid, SIGSEGV);
    ServiceStatus second = web.wait_for([&](const ServiceStatus& now) {
        return now.state == ServiceState::ready && now.service && now.service->pid != first.service->pid;
    });

    CHECK(second.state == ServiceState::ready);
    CHECK(second.restarts == 1);
    CHECK(second.last_exit == "signal 11 (Segmentation fault)");
    CHECK_FALSE(base::is_alive(*first.service));
}

TEST_CASE("between its end and its next start a service is in backoff, and can be stopped there",
          "[supervise][state]") {
    Supervised web("exit 1");
    web.service.service.restart.backoff = 1h;
    web.service.service.restart.backoff_max = 1h;
    web.begin();

    ServiceStatus waiting = web.wait_for(ServiceState::backoff);
    bool stopped = web.stop();

    CHECK(show(waiting) == "backoff: exit status 1");
    CHECK_FALSE(waiting.service);
    CHECK(stopped);
    CHECK(show(web.status()) == "stopped: stopped by operator");
    CHECK(web.supervisor_exit() == 0);
}

TEST_CASE("a ready service whose probe fails is unhealthy, and ready again when it succeeds",
          "[supervise][state]") {
    Supervised web("exec sleep 1000");
    web.service.health.probe = command_probe("if test -e \"$DIR/broken\"; then echo broken; exit 1; fi");
    web.service.health.grace = 0ms;
    REQUIRE(web.settle().state == ServiceState::ready);

    base::write_file_atomically(web.file("broken"), "");
    ServiceStatus broken = web.wait_for(ServiceState::unhealthy);
    ::unlink(web.file("broken").c_str());
    ServiceStatus whole = web.wait_for(ServiceState::ready);

    CHECK(show(broken) == "unhealthy: probe: exit status 1: broken");
    CHECK(show(whole) == "ready: exit status 0");
    CHECK(whole.service == broken.service);
    CHECK(whole.restarts == 0);
    CHECK_THAT(web.notes(), ContainsSubstring("unhealthy after 2 failed probes"));
}

TEST_CASE("an unhealthy service that ends is started again", "[supervise][state]") {
    Supervised web("exec sleep 1000");
    web.service.health.probe = command_probe("test ! -e \"$DIR/broken\"");
    web.service.health.grace = 0ms;
    web.service.service.restart.budget = 1000;
    REQUIRE(web.settle().state == ServiceState::ready);
    base::write_file_atomically(web.file("broken"), "");
    ServiceStatus broken = web.wait_for(ServiceState::unhealthy);
    REQUIRE(broken.service);
    ::unlink(web.file("broken").c_str());

    ::kill(broken.service->pid, SIGKILL);
    ServiceStatus again = web.wait_for([&](const ServiceStatus& now) {
        return now.state == ServiceState::ready && now.service != broken.service;
    });

    CHECK(again.state == ServiceState::ready);
    CHECK(again.restarts >= 1);
}

TEST_CASE("a probe that hangs counts as failed and holds up nobody", "[supervise][state]") {
    Supervised web("exec sleep 1000");
    web.service.health.probe = command_probe("echo thinking; exec sleep 1000");
    web.service.health.timeout = 50ms;
    web.service.health.grace = 10s;
    web.begin();

    ServiceStatus status = web.wait_for([](const ServiceStatus& now) { return !now.last_probe.empty(); });
    bool stopped = web.stop();

    CHECK(status.state == ServiceState::starting);
    CHECK(status.last_probe == "no answer within 50 ms: thinking");
    CHECK(stopped);
}

TEST_CASE("the restart policy decides what an end means", "[supervise][state]") {
    using Policy = jail::Restart::Policy;
    struct Row {
        Policy policy;
        const char* script;
        const char* expected;
    };
    const Row rows[] = {
        {Policy::never, "exit 1", "failed: exit status 1"},
        {Policy::never, "exit 0",
         "failed: ended with exit status 0: it must stay in the foreground, or its recipe name a pid-file"},
        {Policy::on_failure, "exit 0",
         "failed: ended with exit status 0: it must stay in the foreground, or its recipe name a pid-file"},
        {Policy::on_failure, "kill -9 $$",
         "failed: signal 9 (Killed) (given up after 2 restarts within 60 s)"},
        {Policy::always, "exit 0",
         "failed: ended with exit status 0: it must stay in the foreground, or its recipe name a pid-file "
         "(given up after 2 restarts within "
         "60 s)"},
    };
    for (const Row& row : rows) {
        Supervised web(row.script);
        web.service.service.restart.policy = row.policy;

        INFO(row.script);
        CHECK(show(web.settle()) == row.expected);
    }
}

TEST_CASE("a ready service that ends with status 0 stays down unless it is always restarted",
          "[supervise][state]") {
    Supervised web("while ! test -e \"$DIR/quit\"; do sleep 0.01; done");
    REQUIRE(web.settle().state == ServiceState::ready);

    base::write_file_atomically(web.file("quit"), "");

    CHECK(show(web.wait_for(ServiceState::failed)) == "failed: exit status 0");
}

TEST_CASE("what a service leaves in the background ends with its first process", "[supervise][state]") {
    Supervised web("sleep 1000 & echo $! > \"$DIR/background\"; exit 0");

    ServiceStatus status = web.settle();

    CHECK(show(status) ==
          "failed: ended with exit status 0: it must stay in the foreground, or its recipe name a pid-file");
    pid_t background = static_cast<pid_t>(std::stol(base::read_file(web.file("background"))));
    CHECK(test::wait_until([&] { return !base::identify_process(background); }));
}

TEST_CASE("a service that ignores its stop signal is killed after the time-out", "[supervise][stop]") {
    Supervised web("trap '' TERM; while :; do sleep 0.01; done");
    web.service.service.stop_timeout = 100ms;
    ServiceStatus running = web.settle();
    REQUIRE(running.state == ServiceState::ready);

    CHECK(web.stop());

    CHECK(show(web.status()) == "stopped: stopped by operator");
    CHECK(web.status().last_exit == "signal 9 (Killed)");
    CHECK_FALSE(base::is_alive(*running.service));
    CHECK(web.supervisor_exit() == 0);
}

TEST_CASE("a service is given its own stop signal, and the time to use it", "[supervise][stop]") {
    Supervised web("trap 'sleep 0.2; echo saved > \"$DIR/saved\"; exit 7' QUIT; echo $$ > \"$DIR/up\"; "
                   "while :; do sleep 0.01; done");
    web.service.service.stop_signal = SIGQUIT;
    REQUIRE(web.settle().state == ServiceState::ready);

    CHECK(web.stop());

    CHECK(base::read_file(web.file("saved")) == "saved\n");
    CHECK(web.status().last_exit == "exit status 7");
}

TEST_CASE("stopping twice, and stopping what never ran, does nothing", "[supervise][stop]") {
    Supervised web("exec sleep 1000");
    CHECK_FALSE(web.stop());
    REQUIRE(web.settle().state == ServiceState::ready);

    CHECK(web.stop());
    CHECK_FALSE(web.stop());
}

TEST_CASE("SIGTERM to the supervisor stops the service", "[supervise][stop]") {
    Supervised web("exec sleep 1000");
    ServiceStatus running = web.settle();

    ::kill(web.supervisor(), SIGTERM);

    CHECK(web.supervisor_exit() == 0);
    CHECK(show(web.status()) == "stopped: its supervisor was told to end (signal 15)");
    CHECK_FALSE(base::is_alive(*running.service));
}

TEST_CASE("a service that is still starting can be stopped", "[supervise][stop]") {
    Supervised web("exec sleep 1000");
    web.service.health.probe = command_probe("exit 1");
    web.begin();
    web.wait_for([](const ServiceStatus& now) { return now.service && !now.last_probe.empty(); });

    CHECK(web.stop());
    CHECK(show(web.status()) == "stopped: stopped by operator");
}

TEST_CASE("reload sends the service its reload signal", "[supervise][control]") {
    Supervised web("trap 'echo again >> \"$DIR/reloads\"' HUP; while :; do sleep 0.01; done");
    web.service.service.reload_signal = SIGHUP;
    REQUIRE(web.settle().state == ServiceState::ready);

    supervise::reload(web.run());

    CHECK(web.wait_for_text("reloads", "again"));
    CHECK(web.status().state == ServiceState::ready);
}

TEST_CASE("reload says why it cannot", "[supervise][control]") {
    Supervised web("exec sleep 1000");
    REQUIRE(web.settle().state == ServiceState::ready);

    CHECK_THROWS_WITH(supervise::reload(web.run()), ContainsSubstring("the service has no reload signal"));
    web.stop();
    CHECK_THROWS_WITH(supervise::reload(web.run()), ContainsSubstring("the service is stopped"));
}

TEST_CASE("what the driver refuses at the first start is a failure at once", "[supervise][state]") {
    Supervised web("unused");
    web.service.spec.command = {"/nonexistent/program"};

    ServiceStatus status = web.settle();

    CHECK(show(status) == "failed: /nonexistent/program: no such program in jail test");
    CHECK(status.restarts == 0);
}

TEST_CASE("what the driver refuses to a service that was ready is tried again", "[supervise][state]") {
    Supervised web("exec sleep 1000");
    web.prepare = [&](test::LastingDriver& driver) {
        driver.fake.on_call = [creations = 0](std::string_view call) mutable {
            if (call.starts_with("create") && ++creations == 2)
                throw base::Error(base::ErrorKind::system, "jail", "no memory");
        };
    };
    ServiceStatus first = web.settle();
    REQUIRE(first.state == ServiceState::ready);

    ::kill(first.service->pid, SIGKILL);
    ServiceStatus again = web.wait_for([&](const ServiceStatus& now) {
        return now.state == ServiceState::ready && now.service != first.service;
    });

    CHECK(again.state == ServiceState::ready);
    CHECK(again.restarts == 2);
    CHECK_THAT(web.notes(), ContainsSubstring("could not be started: jail: no memory"));
}

TEST_CASE("limits are read back and recorded", "[supervise][limits]") {
    Supervised web("exec sleep 1000");
    web.service.spec.limits.wanted[jail::LimitKind::memory] = {1 << 20, "test"};
    web.service.spec.limits.wanted[jail::LimitKind::cpu] = {50, "test"};
    web.prepare = [](test::LastingDriver& driver) { driver.fake.unavailable = {jail::LimitKind::cpu}; };

    ServiceStatus status = web.settle();

    REQUIRE(status.state == ServiceState::ready);
    std::string text;
    for (const jail::LimitReading& reading : status.limits)
        text += std::string(jail::limit_name(reading.kind)) + " " +
                (reading.effective ? std::to_string(*reading.effective) : "-") + " " +
                std::string(jail::enforcement_name(reading.enforcement)) + ", " + reading.mechanism + "\n";
    CHECK(text == "cpu - unavailable, switched off by the test\nmemory 1048576 enforced, fake\n");
}

TEST_CASE("a start that requires enforced limits refuses when one is not", "[supervise][limits]") {
    Supervised web("exec sleep 1000");
    web.service.spec.limits.wanted[jail::LimitKind::cpu] = {50, "test"};
    web.service.spec.limits.require_enforced = true;
    web.prepare = [](test::LastingDriver& driver) { driver.fake.unavailable = {jail::LimitKind::cpu}; };

    ServiceStatus status = web.settle();

    CHECK(show(status) ==
          "failed: limit cpu: is unavailable (switched off by the test), and every limit has to be enforced");
    CHECK_FALSE(status.service);
}
