// Services that go into the background: followed by their pid file, or refused with the reason.
#include <csignal>

#include "system/services.hpp"

using namespace pkgjail;
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

namespace {

/// Forks twice and founds a session in between, as daemons do, away from every pipe.
std::string daemon_script(const std::string& pid_file) {
    return "(setsid sh -c 'echo $$ > " + pid_file +
           "; trap exit TERM; while :; do sleep 0.1; done' > /dev/null 2>&1 &); exit 0";
}

} // namespace

TEST_CASE("a service that forks itself away twice is followed by its pid file", "[system][root][services]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    write_recipe(host, service("", daemon_script("/var/run/x.pid"),
                               "pid-file = /var/run/x.pid\nrestart-backoff = 10ms\n"));

    const CommandResult installed = install(host);

    INFO(installed.out << installed.err << logged(host));
    REQUIRE(installed.status == 0);
    const nlohmann::json before = status(host);
    REQUIRE(before["state"] == "ready");
    REQUIRE(before["followed_pid"].is_number());
    const int daemon = before["followed_pid"];
    CHECK(daemon != before["pid"]);
    CHECK(of_process(daemon, "PPid") == std::to_string(before["pid"].get<int>()));
    for (const char* key : {"NoNewPrivs", "Seccomp", "CapBnd"})
        CHECK(of_process(daemon, key) == of_process(before["pid"], key));
    CHECK_THAT(logged(host), ContainsSubstring(fmt::format("follows process {} (", daemon)));

    ::kill(daemon, SIGKILL);
    REQUIRE(wait_for([&] {
        const nlohmann::json now = status(host);
        return now["state"] == "ready" && now["restarts"] == 1;
    }));
    const nlohmann::json after = status(host);
    CHECK(after["last_exit"] == "exit status 137");
    CHECK(after["followed_pid"] != daemon);

    CHECK(host.run({"stop", "test"}).status == 0);
    CHECK(host.run({"stop", "test"}).status == 0);
    CHECK(of_process(after["followed_pid"], "Pid").empty());
    CHECK(of_process(after["pid"], "Pid").empty());
    CHECK(logged(host).find("killed") == std::string::npos); // it was asked, and listened
    CHECK(host.run({"start", "test"}).status == 0);
    CHECK(host.run({"destroy", "test", "--with-data", "--yes"}).status == 0);
}

TEST_CASE("a pid file that lies is refused with the reason, and nothing is left",
          "[system][root][services]") {
    if (!test::can_run_jails())
        return;
    const auto [script, reason] = GENERATE(table<std::string, std::string>({
        {"sleep 4322 &", "is not there"},
        {"sleep 4322 & : > /var/run/x.pid", "is empty"},
        {"sleep 4322 & echo $$ 1 > /var/run/other; echo 1 > /var/run/x.pid",
         "names process 1, the jail's first, which is not this service"},
        {"sleep 4322 & echo 99999 > /var/run/x.pid", "names process 99999, which is not in the jail"},
        {"sleep 4322 & echo -- -1 > /var/run/x.pid", "holds \"--\", which is no process"},
        {"sleep 4322 & echo 7 > /var/run/y; ln -s y /var/run/x.pid", "is a symbolic link"},
        {"sleep 4322 & mkfifo /var/run/x.pid", "is neither a file nor a directory"},
        {"sleep 4322 & mkdir /var/run/x.pid", "is not a regular file"},
        {"sleep 4322 & yes | head -c 100 > /var/run/x.pid", "is longer than 64 bytes"},
    }));
    const Host host(test::demo_repository("2026Q3"));
    write_recipe(host, service("", script, "pid-file = /var/run/x.pid\n") + "[health]\ngrace = 300ms\n");

    const CommandResult result = install(host);

    CAPTURE(script);
    CHECK(result.status == 4);
    CHECK_THAT(result.err, ContainsSubstring("pid file /var/run/x.pid " + reason));
    CHECK(status(host)["state"] == "failed");
    CHECK(test::running("sleep 4322").empty());
}

TEST_CASE("a pid file of an earlier run is not believed", "[system][root][services]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    write_recipe(host, service("", "sleep 4323 & test -e /var/x.pid || echo $! > /var/x.pid",
                               "pid-file = /var/x.pid\n") +
                           "[health]\ngrace = 300ms\n");
    REQUIRE(install(host).status == 0);
    REQUIRE(host.run({"stop", "test"}).status == 0);

    const CommandResult again = host.run({"start", "test"});

    CHECK(again.status == 4);
    CHECK_THAT(again.err, ContainsSubstring("was written before the service was started"));
    CHECK(test::running("sleep 4323").empty());
}

TEST_CASE("a background service whose command fails or leaves nothing is told so",
          "[system][root][services]") {
    if (!test::can_run_jails())
        return;
    const auto [script, reason] = GENERATE(table<std::string, std::string>({
        {"exit 3", "exit status 3"},
        {"exit 0", "ended with exit status 0 and left no process: pid file /var/run/x.pid is not there"},
    }));
    const Host host(test::demo_repository("2026Q3"));
    write_recipe(host, service("", script, "pid-file = /var/run/x.pid\n"));

    const CommandResult result = install(host);

    CHECK(result.status == 4);
    CHECK_THAT(result.err, ContainsSubstring(reason));
}

TEST_CASE("a further service in the background is followed, restarted and stopped like any other",
          "[system][root][services]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    write_recipe(host,
                 service("main", stays) + service("worker", daemon_script("/var/run/w.pid"),
                                                  "pid-file = /var/run/w.pid\nrestart-backoff = 10ms\n"));

    const CommandResult installed = install(host);

    INFO(installed.out << installed.err << logged(host));
    REQUIRE(installed.status == 0);
    const nlohmann::json before = status(host);
    const int worker = before["further"][0]["pid"];
    CHECK(of_process(worker, "PPid") == std::to_string(before["pid"].get<int>()));
    ::kill(worker, SIGKILL);
    REQUIRE(wait_for([&] {
        const nlohmann::json now = status(host);
        return now["state"] == "ready" && now["further"][0]["restarts"] == 1;
    }));
    const nlohmann::json after = status(host);
    CHECK(after["pid"] == before["pid"]);
    CHECK(after["further"][0]["pid"] != worker);
    CHECK(host.run({"stop", "test"}).status == 0);
    CHECK(of_process(after["further"][0]["pid"], "Pid").empty());
    CHECK(logged(host).find("killed") == std::string::npos);
}
