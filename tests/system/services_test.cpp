// Several services in one real jail, and services that behave badly.
#include <csignal>
#include <fstream>
#include <thread>

#include "system/services.hpp"

using namespace pkgjail;
using namespace std::chrono_literals;
using test::CommandResult;
using test::Host;
using test::install;
using test::logged;
using test::of_process;
using test::service;
using test::status;
using test::stays;
using test::wait_for;
using test::write_recipe;

TEST_CASE("several services share one jail and are confined alike", "[system][root][services]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    write_recipe(host, service("main", "echo main; touch /tmp/seen; " + stays) +
                           service("worker", "id -u; " + stays, "user = nobody\nrestart-backoff = 10ms\n") +
                           "[health worker]\ncommand = /usr/bin/test -e /tmp/seen\n");

    const CommandResult installed = install(host);

    INFO(installed.out << installed.err);
    REQUIRE(installed.status == 0);
    const nlohmann::json before = status(host);
    CHECK(before["state"] == "ready");
    REQUIRE(before["further"].size() == 1);
    CHECK(before["further"][0]["service"] == "worker");
    CHECK(before["further"][0]["state"] == "ready");
    const int worker = before["further"][0]["pid"];
    CHECK(of_process(worker, "PPid") == std::to_string(before["supervisor_pid"].get<int>()));
    for (const char* key : {"NoNewPrivs", "Seccomp", "CapBnd"})
        CHECK(of_process(worker, key) == of_process(before["pid"], key));
    CHECK_THAT(host.run({"exec", "test", "/bin/sh", "-c", "cat /proc/[0-9]*/cmdline"}).out,
               ContainsSubstring("echo main") && ContainsSubstring("id -u"));
    CHECK_THAT(logged(host), ContainsSubstring(" worker/out ") && ContainsSubstring(" main/out main\n"));

    ::kill(worker, SIGKILL);
    CHECK(wait_for([&] {
        const nlohmann::json now = status(host);
        return now["state"] == "ready" && now["further"][0]["restarts"] == 1;
    }));
    CHECK(status(host)["pid"] == before["pid"]);

    ::kill(before["supervisor_pid"].get<int>(), SIGKILL);
    CHECK(wait_for([&] { return status(host)["state"] == "unsupervised"; }));
    CHECK(host.run({"start", "--all"}).status == 0);
    CHECK(status(host)["further"][0]["state"] == "ready");
    CHECK(host.run({"stop", "test"}).status == 0);
    CHECK(of_process(worker, "Pid").empty());
}

TEST_CASE("one of several services is stopped, started, restarted and reloaded, and the jail goes on",
          "[system][root][services]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    write_recipe(host, service("main", stays) +
                           service("worker", "trap 'echo again' HUP; " + stays, "reload-signal = HUP\n"));
    REQUIRE(install(host).status == 0);
    const int main = status(host)["pid"], worker = status(host)["further"][0]["pid"];
    const auto ask = [&](const std::string& verb, const std::string& service = "test/worker") {
        const CommandResult result = host.run({verb, service});
        INFO(result.out << result.err);
        return result.status;
    };

    CHECK(ask("reload") == 0);
    CHECK(wait_for([&] { return logged(host).find(" worker/out again\n") != std::string::npos; }));
    CHECK(status(host)["further"][0]["pid"] == worker);
    CHECK(ask("restart") == 0);
    const int second = status(host)["further"][0]["pid"];
    CHECK(second != worker);
    for (int time = 0; time < 2; ++time) {
        CHECK(ask("stop") == 0);
        CHECK(status(host)["further"][0]["state"] == "stopped");
        CHECK(of_process(second, "Pid").empty());
    }
    for (int time = 0; time < 2; ++time) {
        CHECK(ask("start") == 0);
        CHECK(status(host)["further"][0]["state"] == "ready");
    }
    CHECK(status(host)["pid"] == main);

    const CommandResult unknown = host.run({"restart", "test/wrker"});
    CHECK(unknown.status == 5);
    CHECK(unknown.err ==
          "pkgjail: restart: test/wrker: the jail has no service of this name, there are: main, "
          "worker\nhint: did you mean \"worker\"?\n");
    CHECK(ask("stop", "test/main") == 6); // with it the jail would end
}

TEST_CASE("a further service that does not start fails the jail's start, and says so",
          "[system][root][services]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    write_recipe(host, service("main", stays) + "[service worker]\ncommand = /no/such/program\n");

    const CommandResult result = install(host);

    CHECK(result.status == 4);
    CHECK_THAT(result.err,
               ContainsSubstring("service worker: /no/such/program: no such program in jail test"));
    CHECK(status(host)["state"] == "failed");
    CHECK(host.run({"reset-failed", "test"}).out == "jail test: reset\n");
    CHECK(status(host)["state"] == "stopped");
    CHECK(host.run({"reset-failed", "test"}).out == "jail test: has not failed\n");
    CHECK(host.run({"doctor"}).status == 0);
}

TEST_CASE("a service that puts itself into the background is told so and leaves nothing",
          "[system][root][services]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    // Twice forked, in a session of its own, away from every pipe.
    write_recipe(host, service("", "setsid sh -c 'sleep 4321 & exec sleep 4321' >/dev/null 2>&1 & exit 0"));

    const CommandResult result = install(host);

    CHECK(result.status == 4);
    CHECK_THAT(result.err, ContainsSubstring("ended with exit status 0: it must stay in the foreground"));
    CHECK(test::running("sleep 4321").empty());
}

TEST_CASE("services that never read their signals are killed with all they have started",
          "[system][root][services]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const std::string deaf = "trap '' TERM HUP INT QUIT; (while :; do sleep 0.1; done) & "
                             "while :; do sleep 0.1; done";
    write_recipe(host, service("main", deaf) + service("worker", deaf));
    REQUIRE(install(host).status == 0);
    const int worker = status(host)["further"][0]["pid"];

    CHECK(host.run({"stop", "test"}).status == 0);

    CHECK(of_process(worker, "Pid").empty());
    CHECK_THAT(logged(host), ContainsSubstring("worker: did not end within 1 s of signal 15: killed") &&
                                 ContainsSubstring(" sup did not end within 1 s of signal 15: killed"));
    CHECK(status(host)["state"] == "stopped");
}

TEST_CASE("a service that floods its log is neither held up nor does it hold up others",
          "[system][root][services]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    host.write_config("pkgjail.conf", "[log]\nmax-size = 1M\nfiles = 2\n");
    write_recipe(host, service("main", "touch /tmp/seen; " + stays) +
                           service("flood", "yes 0123456789012345678901234567890123456789"));
    REQUIRE(install(host).status == 0);

    // What the supervisor cannot write in time it drops and counts; a quick disk may take all of it.
    std::this_thread::sleep_for(2s);

    CHECK(status(host)["state"] == "ready");
    CHECK(host.run({"exec", "test", "/usr/bin/test", "-e", "/tmp/seen"}).status == 0);
    std::uintmax_t bytes = 0;
    for (const auto& entry : std::filesystem::directory_iterator(host.state() / "log"))
        if (entry.path().filename().string().starts_with("test.log"))
            bytes += entry.file_size();
    CHECK(bytes < (3u << 20));
    CHECK(host.run({"stop", "test"}).status == 0);
}
