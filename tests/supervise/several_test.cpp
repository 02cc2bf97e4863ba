// Several services in one jail: whose turn it is, whose end is whose, and what a reader sees.
#include <csignal>

#include "pkgjail/base/error.hpp"
#include "pkgjail/supervise/service_json.hpp"
#include "supervised.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using namespace std::chrono_literals;
using jail::Probe;
using supervise::ServicePart;
using supervise::ServiceState;
using supervise::ServiceStatus;
using test::show;
using test::Supervised;

namespace {

Probe command_probe(const std::string& script) {
    return {Probe::Kind::command, {}, {"/bin/sh", "-c", script}};
}

/// A further service with the fast restarts of Supervised.
supervise::FurtherServiceSpec& add(Supervised& web, const std::string& name, const std::string& script) {
    supervise::FurtherServiceSpec further;
    further.service = web.service.service;
    further.service.name = name;
    further.service.command = {"/bin/sh", "-c", script};
    further.service.health = web.service.health;
    further.service.health.probe.reset();
    further.environment = web.service.spec.environment;
    web.service.further.push_back(further);
    return web.service.further.back();
}

const std::string stays = "trap 'echo bye; exit 0' TERM; while :; do sleep 0.05; done";

/// "ready; one ready, two starting"
std::string show_all(const ServiceStatus& status) {
    std::string text(supervise::state_name(status.state));
    for (const ServicePart& part : status.further)
        text += "; " + part.name + " " + std::string(supervise::state_name(part.state));
    return text;
}

} // namespace

TEST_CASE(
    "further services start one after the other, each when the one before is ready, and stop in reverse",
    "[supervise][services]") {
    Supervised web("echo first; " + stays);
    web.service.health.probe = command_probe("test -e \"$DIR/first\"");
    add(web, "one", "echo one; " + stays).service.health.probe = command_probe("test -e \"$DIR/one\"");
    add(web, "two", "echo two; " + stays);
    web.begin();

    web.wait_for([](const ServiceStatus& now) { return !now.last_probe.empty(); });
    CHECK(show_all(web.status()) == "starting; one stopped; two stopped");
    base::write_file_atomically(web.file("first"), "");
    ServiceStatus status = web.wait_for([](const ServiceStatus& now) {
        return now.further.size() == 2 && !now.further[0].last_probe.empty();
    });
    CHECK(show_all(status) == "starting; one starting; two stopped");
    CHECK(status.reason == "waits for service one");
    base::write_file_atomically(web.file("one"), "");
    status = supervise::wait_until_settled(web.run(), test::patience);
    CHECK(show_all(status) == "ready; one ready; two ready");
    REQUIRE(status.further[0].process);
    CHECK(base::is_alive(*status.further[0].process));

    CHECK(web.stop());

    CHECK(web.output() == "test/out: first\none/out: one\ntwo/out: two\n"
                          "two/out: bye\none/out: bye\ntest/out: bye\n");
    CHECK(show_all(web.status()) == "stopped");
    CHECK_FALSE(base::is_alive(*status.further[0].process));
}

TEST_CASE("a further service that ends is started again by itself, and the others do not notice",
          "[supervise][services]") {
    Supervised web("echo first; " + stays);
    add(web, "one",
        "echo one; while :; do sleep 0.02; test -e \"$DIR/end\" && rm \"$DIR/end\" && exit 3; done");
    ServiceStatus before = web.settle();
    REQUIRE(show_all(before) == "ready; one ready");

    base::write_file_atomically(web.file("end"), "");
    ServiceStatus after = web.wait_for([](const ServiceStatus& now) {
        return now.further.size() == 1 && now.further[0].restarts == 1 && now.state == ServiceState::ready;
    });

    CHECK(show_all(after) == "ready; one ready");
    CHECK(after.service == before.service);
    CHECK(after.restarts == 0);
    CHECK(after.further[0].last_exit == "exit status 3");
    CHECK(after.further[0].process != before.further[0].process);
    CHECK_THAT(web.notes(), ContainsSubstring("one: ended with exit status 3\none: will be started again"));
    web.stop();
}

TEST_CASE("a further service without restarts left makes the jail unhealthy, not ended",
          "[supervise][services]") {
    Supervised web(stays);
    add(web, "one", "sleep 0.35; exit 4");
    web.begin();

    ServiceStatus status = web.wait_for([](const ServiceStatus& now) {
        return now.further.size() == 1 && now.further[0].state == ServiceState::failed &&
               now.state == ServiceState::unhealthy && now.reason.find("is failed") != std::string::npos;
    });

    CHECK(show(status) == "unhealthy: service one is failed: exit status 4 (given up after 2 restarts within "
                          "60 s)");
    REQUIRE(status.service);
    CHECK(base::is_alive(*status.service));
    web.stop();
}

TEST_CASE("a start that somebody waits for fails when a further service does not get ready",
          "[supervise][services]") {
    Supervised web(stays);
    web.service.attended = true;
    add(web, "one", "echo broken >&2; exit 5");

    ServiceStatus status = web.settle();

    CHECK(show(status) == "failed: service one: exit status 5");
    CHECK_THAT(web.output(), ContainsSubstring("one/err: broken\n"));
    CHECK(web.supervisor_exit() == 1);
}

TEST_CASE("when the first service ends the others end with it, and start with it again",
          "[supervise][services]") {
    Supervised web(
        "echo first; while :; do sleep 0.02; test -e \"$DIR/end\" && rm \"$DIR/end\" && exit 3; done");
    add(web, "one", "echo one; exec sleep 1000");
    ServiceStatus before = web.settle();
    REQUIRE(show_all(before) == "ready; one ready");

    base::write_file_atomically(web.file("end"), "");
    ServiceStatus after = web.wait_for(
        [](const ServiceStatus& now) { return now.restarts == 1 && now.state == ServiceState::ready; });

    CHECK(show_all(after) == "ready; one ready");
    CHECK_FALSE(base::is_alive(*before.further[0].process));
    CHECK(after.further[0].restarts == 0);
    CHECK(web.output() == "test/out: first\none/out: one\ntest/out: first\none/out: one\n");
    web.stop();
}

TEST_CASE("a further service that was ready once is started again later on, although somebody had waited",
          "[supervise][services]") {
    Supervised web("while :; do sleep 0.02; test -e \"$DIR/end\" && rm \"$DIR/end\" && exit 3; done");
    web.service.attended = true;
    add(web, "one", "test -e \"$DIR/once\" && rm \"$DIR/once\" && exit 4; exec sleep 1000");
    REQUIRE(show_all(web.settle()) == "ready; one ready");

    base::write_file_atomically(web.file("once"), "");
    base::write_file_atomically(web.file("end"), "");
    const ServiceStatus after = web.wait_for([](const ServiceStatus& now) {
        return now.state == ServiceState::failed ||
               (now.restarts == 1 && now.state == ServiceState::ready && !now.further.empty());
    });

    CHECK(show_all(after) == "ready; one ready");
    CHECK(after.restarts == 1); // the first one, for its own end only
    REQUIRE(after.further.size() == 1);
    CHECK(after.further[0].restarts == 1);
    CHECK(after.further[0].last_exit == "exit status 4");
    web.stop();
}

TEST_CASE("whoever waits for one service hears that the jail has ended meanwhile", "[supervise][services]") {
    using supervise::ServiceVerb;
    Supervised web("while :; do sleep 0.02; test -e \"$DIR/end\" && exit 3; done");
    web.service.service.restart.budget = 0;
    add(web, "one", "test -e \"$DIR/again\" && touch \"$DIR/end\"; touch \"$DIR/again\"; " + stays)
        .service.health.probe = command_probe("test ! -e \"$DIR/closed\"");
    REQUIRE(show_all(web.settle()) == "ready; one ready");
    base::write_file_atomically(web.file("closed"), ""); // once more it will not get ready

    try {
        supervise::ask_service(web.run(), "one", ServiceVerb::restart, test::patience);
        FAIL("it is said to be ready");
    } catch (const base::Error& error) {
        CHECK(error.kind() == base::ErrorKind::unhealthy);
        CHECK_THAT(error.what(), ContainsSubstring("service one: the jail is failed: exit status 3"));
    }
    CHECK(web.supervisor_exit() == 1);
}

TEST_CASE("a command that stays beside the process that it started survives a probe that hangs",
          "[supervise][services]") {
    Supervised web(stays);
    web.service.health.probe = command_probe("test ! -e \"$DIR/hang\" || exec sleep 1000");
    web.service.health.timeout = 200ms;
    auto& one = add(web, "one", "echo $$ > \"$DIR/parent\"; sleep 1000 & echo $! > \"$DIR/pid\"; wait");
    one.service.pid_file = web.file("pid").string();
    const ServiceStatus before = web.settle();
    REQUIRE(show_all(before) == "ready; one ready");
    const auto parent =
        base::identify_process(static_cast<pid_t>(std::stoi(base::read_file(web.file("parent")))));
    REQUIRE(parent);
    REQUIRE(before.further[0].process != parent);

    base::write_file_atomically(web.file("hang"), "");
    REQUIRE(web.wait_for(ServiceState::unhealthy).state == ServiceState::unhealthy);

    CHECK(base::is_alive(*parent));
    web.stop();
}

TEST_CASE("a further service that never reads its signals is killed with its children",
          "[supervise][services]") {
    Supervised web("trap 'echo bye; exit 0' TERM; while :; do sleep 0.05; done");
    auto& one = add(web, "one",
                    "trap '' TERM; (trap '' TERM; echo $$ > \"$DIR/child\"; while :; do sleep 0.05; "
                    "done) & while :; do sleep 0.05; done");
    one.service.stop_timeout = 200ms;
    REQUIRE(web.settle().state == ServiceState::ready);

    CHECK(web.stop());

    CHECK_THAT(web.notes(), ContainsSubstring("one: did not end within 200 ms of signal 15: killed\n"));
    CHECK_THAT(web.output(),
               ContainsSubstring("test/out: bye\n")); // it was asked after that, and had its time
}

TEST_CASE("services that wait for the same one start at the same time, and others when theirs are ready",
          "[supervise][services]") {
    Supervised web(stays);
    add(web, "slow", stays).service.health.probe = command_probe("test -e \"$DIR/slow\"");
    add(web, "quick", stays).service.after = {"test"};
    add(web, "last", stays).service.after = {"slow", "quick"};
    web.begin();

    ServiceStatus status = web.wait_for([](const ServiceStatus& now) {
        return now.further.size() == 3 && now.further[1].state == ServiceState::ready;
    });
    CHECK(show_all(status) == "starting; slow starting; quick ready; last stopped");
    base::write_file_atomically(web.file("slow"), "");

    CHECK(show_all(supervise::wait_until_settled(web.run(), test::patience)) ==
          "ready; slow ready; quick ready; last ready");
    web.stop();
}

TEST_CASE("one of several services is stopped, started and restarted while the others go on",
          "[supervise][services]") {
    using supervise::ServiceVerb;
    Supervised web("echo first; " + stays);
    add(web, "one", "echo one; " + stays).service.reload_signal = SIGWINCH;
    const ServiceStatus before = web.settle();
    REQUIRE(show_all(before) == "ready; one ready");
    const auto ask = [&](const std::string& name, ServiceVerb verb) -> std::string {
        try {
            return supervise::ask_service(web.run(), name, verb, test::patience) ? "done" : "already";
        } catch (const base::Error& error) {
            return error.object() + ": " + error.cause();
        }
    };

    CHECK(ask("one", ServiceVerb::stop) == "done");
    CHECK(ask("one", ServiceVerb::stop) == "already");
    CHECK(show_all(web.status()) == "ready; one stopped");
    CHECK(web.status().further[0].reason == "stopped by operator");
    CHECK(ask("one", ServiceVerb::reload) == "service one: the service does not run");
    CHECK(ask("one", ServiceVerb::start) == "done");
    CHECK(ask("one", ServiceVerb::start) == "already");
    const ServiceStatus started = web.wait_for(ServiceState::ready);
    CHECK(show_all(started) == "ready; one ready");
    CHECK(ask("one", ServiceVerb::restart) == "done");
    const ServiceStatus after = web.wait_for(
        [&](const ServiceStatus& now) { return now.further[0].process != started.further[0].process; });
    CHECK(after.service == before.service);
    CHECK(after.further[0].restarts == 0); // by the supervisor
    CHECK(ask("one", ServiceVerb::reload) == "done");

    CHECK(ask("test", ServiceVerb::start) == "already");
    CHECK(ask("test", ServiceVerb::stop) ==
          "service test: it is the jail's first service, with which the jail "
          "ends: stop or restart the jail");
    CHECK(ask("test", ServiceVerb::reload) == "service test: the service has no reload signal");
    CHECK(ask("two", ServiceVerb::start) == "service two: no service \"two\", there are: test, one");
    web.stop();
    CHECK(web.output() == "test/out: first\none/out: one\none/out: bye\none/out: one\none/out: bye\n"
                          "one/out: one\none/out: bye\ntest/out: bye\n");
    CHECK(ask("one", ServiceVerb::start) ==
          "service one: the jail has no supervisor that answers; it is stopped: stopped by operator");
}

TEST_CASE("a service that the operator stopped stays down when the jail's first one is restarted",
          "[supervise][services]") {
    Supervised web("while :; do sleep 0.02; test -e \"$DIR/end\" && rm \"$DIR/end\" && exit 3; done");
    add(web, "one", stays);
    add(web, "two", stays);
    REQUIRE(show_all(web.settle()) == "ready; one ready; two ready");
    REQUIRE(supervise::ask_service(web.run(), "one", supervise::ServiceVerb::stop, test::patience));

    base::write_file_atomically(web.file("end"), "");
    const ServiceStatus after = web.wait_for(
        [](const ServiceStatus& now) { return now.restarts == 1 && now.state == ServiceState::ready; });

    CHECK(show_all(after) == "ready; one stopped; two ready");
    CHECK(supervise::ask_service(web.run(), "one", supervise::ServiceVerb::start, test::patience));
    CHECK(show_all(web.wait_for(ServiceState::ready)) == "ready; one ready; two ready");
    web.stop();
}

TEST_CASE("a service that was given up has all its restarts again when the operator starts it",
          "[supervise][services]") {
    Supervised web(stays);
    add(web, "one", "test -e \"$DIR/well\" || { sleep 0.35; exit 4; }; " + stays);
    web.begin();
    web.wait_for([](const ServiceStatus& now) {
        return now.further.size() == 1 && now.further[0].state == ServiceState::failed;
    });
    CHECK_THROWS_AS(supervise::ask_service(web.run(), "one", supervise::ServiceVerb::reload, 1s),
                    base::Error);

    base::write_file_atomically(web.file("well"), "");
    CHECK(supervise::ask_service(web.run(), "one", supervise::ServiceVerb::start, test::patience));

    CHECK(show_all(web.wait_for(ServiceState::ready)) == "ready; one ready");
    web.stop();
}

TEST_CASE("reload reaches the services that have a reload signal", "[supervise][services]") {
    Supervised web(stays);
    add(web, "one", "trap 'echo again' HUP; echo listens; while :; do sleep 0.05; done")
        .service.reload_signal = SIGHUP;
    REQUIRE(web.settle().state == ServiceState::ready);
    REQUIRE(test::wait_until([&] { return web.output() == "one/out: listens\n"; }));

    supervise::reload(web.run());

    CHECK(test::wait_until([&] { return web.output() == "one/out: listens\none/out: again\n"; }));
    web.stop();
}

TEST_CASE("one of several services that is started, restarted or reloaded finds the secrets of now",
          "[supervise][services][secrets]") {
    using supervise::ServiceVerb;
    const std::string shows =
        "show() { cat \"$DIR/run/secret.word\"; }; trap show HUP; trap 'exit 0' TERM; show; "
        "while :; do sleep 0.02; done";
    Supervised web(shows);
    web.service.service.reload_signal = SIGHUP;
    add(web, "one", shows);
    web.service.spec.secrets = {{"word", web.file("value"), 0, 0}};
    const auto set = [&](const std::string& value) {
        base::write_file_atomically(web.file("value"), value + "\n");
    };
    std::string seen;
    const auto ask = [&](const std::string& name, ServiceVerb verb, const std::string& line) {
        supervise::ask_service(web.run(), name, verb, test::patience);
        seen += line;
        test::wait_until([&] { return web.output().size() >= seen.size(); });
        CHECK(web.output() == seen);
    };
    set("0");
    REQUIRE(show_all(web.settle()) == "ready; one ready");
    seen = "test/out: 0\none/out: 0\n";
    REQUIRE(test::wait_until([&] { return web.output() == seen; })); // ready is who has only just begun

    set("1");
    ask("one", ServiceVerb::reload, "one/out: 1\n");
    set("2");
    ask("one", ServiceVerb::restart, "one/out: 2\n");
    set("3");
    ask("one", ServiceVerb::stop, "");
    ask("one", ServiceVerb::start, "one/out: 3\n");
    set("4");
    ask("test", ServiceVerb::reload, "test/out: 4\n");
    set("5");
    ask("one", ServiceVerb::start, ""); // runs already, and nobody is told
    CHECK(base::read_file(web.run() / "secret.word") == "4\n");
    web.stop();
}

TEST_CASE("what cannot be reloaded keeps the secrets of its start", "[supervise][services][secrets]") {
    Supervised web(stays);
    web.service.spec.secrets = {{"word", web.file("value"), 0, 0}};
    base::write_file_atomically(web.file("value"), "0");
    REQUIRE(web.settle().state == ServiceState::ready);
    base::write_file_atomically(web.file("value"), "1");

    CHECK_THROWS_WITH(supervise::reload(web.run()), ContainsSubstring("the service has no reload signal"));

    CHECK(base::read_file(web.run() / "secret.word") == "0");
    web.stop();
}

TEST_CASE("a probe that fails while the jail is paused does not count", "[supervise][services]") {
    Supervised web(stays);
    web.service.health.probe = command_probe("test ! -e \"$DIR/ill\"");
    web.service.health.interval = 20ms;
    web.service.health.failures = 1;
    web.service.health.on_failure = jail::Health::OnFailure::restart;
    const ServiceStatus ready = web.settle();
    REQUIRE(ready.state == ServiceState::ready);
    REQUIRE(::kill(ready.service->pid, SIGSTOP) == 0);
    base::write_file_atomically(web.file("ill"), "");
    std::this_thread::sleep_for(500ms);

    const ServiceStatus paused = web.status();
    CHECK(paused.state == ServiceState::ready);
    CHECK(paused.restarts == 0);

    std::filesystem::remove(web.file("ill"));
    REQUIRE(::kill(ready.service->pid, SIGCONT) == 0);
    std::this_thread::sleep_for(200ms);
    CHECK(web.status().restarts == 0);
    base::write_file_atomically(web.file("ill"), "");
    CHECK(web.wait_for([](const ServiceStatus& now) { return now.restarts == 1; }).restarts == 1);
    web.stop();
}

TEST_CASE("a service whose probe fails is restarted or given up, as its recipe says",
          "[supervise][services]") {
    Supervised web("rm -f \"$DIR/ill\"; echo begun; " + stays);
    web.service.health.probe = command_probe("test ! -e \"$DIR/ill\"");
    web.service.health.grace = 0ms;
    web.service.health.on_failure = jail::Health::OnFailure::restart;
    SECTION("restarted") {
        REQUIRE(web.settle().state == ServiceState::ready);
        base::write_file_atomically(web.file("ill"), "");
        ServiceStatus status = web.wait_for(
            [](const ServiceStatus& now) { return now.restarts == 1 && now.state == ServiceState::ready; });
        CHECK(status.state == ServiceState::ready);
        CHECK_THAT(web.output(), ContainsSubstring("out: bye\nout: begun\n"));
        web.stop();
    }
    SECTION("given up") {
        web.service.health.on_failure = jail::Health::OnFailure::stop;
        REQUIRE(web.settle().state == ServiceState::ready);
        base::write_file_atomically(web.file("ill"), "");
        CHECK(show(web.wait_for(ServiceState::failed)) == "failed: probe: exit status 1");
        CHECK(web.supervisor_exit() == 1);
    }
    SECTION("a further one") {
        web.service.health = {};
        auto& one = add(web, "one", "rm -f \"$DIR/ill\"; " + stays);
        one.service.health.probe = command_probe("test ! -e \"$DIR/ill\"");
        one.service.health.grace = 0ms;
        one.service.health.interval = 20ms;
        one.service.health.failures = 2;
        one.service.health.on_failure = jail::Health::OnFailure::restart;
        REQUIRE(web.settle().state == ServiceState::ready);
        base::write_file_atomically(web.file("ill"), "");
        ServiceStatus status = web.wait_for([](const ServiceStatus& now) {
            return now.further.size() == 1 && now.further[0].restarts == 1 &&
                   now.state == ServiceState::ready;
        });
        CHECK(show_all(status) == "ready; one ready");
        web.stop();
    }
}

TEST_CASE("a supervisor that was killed leaves nothing said about further services",
          "[supervise][services]") {
    Supervised web(stays);
    add(web, "one", stays);
    ServiceStatus before = web.settle();
    REQUIRE(show_all(before) == "ready; one ready");
    const auto one = before.further.at(0).process;
    REQUIRE(one);

    web.kill_supervisor();

    CHECK(show_all(web.status()) == "unsupervised");
    CHECK(web.stop());
    CHECK(show_all(web.status()) == "stopped");
    CHECK_FALSE(base::is_alive(*one));
}

TEST_CASE("what a supervisor is told of further services survives being written down",
          "[supervise][services]") {
    Supervised web(stays);
    auto& one = add(web, "one", "echo 1");
    one.identity.uid = 77;
    one.environment = {{"A", "b"}};
    one.service.health.probe = Probe{Probe::Kind::tcp, "127.0.0.1:1", {}};
    one.service.health.on_failure = jail::Health::OnFailure::stop;

    const auto back = supervise::service_from_json(supervise::to_json(web.service));

    REQUIRE(back.further.size() == 1);
    CHECK(back.further[0].service.name == "one");
    CHECK(back.further[0].service.command == one.service.command);
    CHECK(back.further[0].identity.uid == 77);
    CHECK(back.further[0].environment == one.environment);
    CHECK(back.further[0].service.health.probe->target == "127.0.0.1:1");
    CHECK(back.further[0].service.health.on_failure == jail::Health::OnFailure::stop);
}
