// Limits of a service that runs: changing them, and telling when they are met.
#include <thread>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/supervise/limit_watch.hpp"
#include "pkgjail/supervise/service_json.hpp"
#include "supervised.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using jail::LimitKind;
using supervise::LimitWatch;
using supervise::ServiceState;
using test::Supervised;

namespace {

using std::chrono::seconds;

/// The events of one look after so many seconds, a line each.
std::string look(LimitWatch& watch, int second, const confine::Usage& usage) {
    static const base::SteadyTime begin = base::steady_now();
    std::string text;
    for (const std::string& event : watch.look(usage, begin + seconds(second)))
        text += event + "\n";
    return text;
}

confine::Usage processes_met(std::uint64_t times) {
    confine::Usage usage;
    usage.process_limit_hits = times;
    return usage;
}

jail::Limits limits(std::uint64_t memory) {
    jail::Limits result;
    result.wanted[LimitKind::memory] = {memory, "test"};
    return result;
}

std::string readings(const supervise::ServiceStatus& status) {
    std::string text;
    for (const jail::LimitReading& reading : status.limits)
        text += std::string(jail::limit_name(reading.kind)) + "=" +
                jail::format_limit(reading.kind, reading.wanted) + "\n";
    return text;
}

} // namespace

TEST_CASE("a limit that is met is told once a minute, with how often", "[supervise][limits]") {
    LimitWatch watch;

    CHECK(look(watch, 0, processes_met(0)).empty());
    CHECK(look(watch, 5, processes_met(1)) == "limit processes was met once\n");
    CHECK(look(watch, 10, processes_met(4)).empty());
    CHECK(look(watch, 60, processes_met(9)).empty());
    CHECK(look(watch, 65, processes_met(10)) == "limit processes was met 9 times\n");
    CHECK(look(watch, 200, processes_met(10)).empty());
}

TEST_CASE("a counter that went down belongs to another start and is counted from nothing",
          "[supervise][limits]") {
    LimitWatch watch;

    CHECK(look(watch, 0, processes_met(7)) == "limit processes was met 7 times\n");
    CHECK(look(watch, 100, processes_met(2)) == "limit processes was met 2 times\n");
}

TEST_CASE("each limit has its own minute, and a short throttling is no event", "[supervise][limits]") {
    LimitWatch watch;
    confine::Usage usage;
    usage.memory_kills = 1;
    usage.memory_limit_hits = 30;
    usage.throttled_usec = 4'999'999;

    CHECK(look(watch, 0, usage) ==
          "limit memory: the kernel ended 1 process\nlimit memory was met 30 times\n");
    usage.process_limit_hits = 2;
    usage.throttled_usec = 6'000'000;
    CHECK(look(watch, 5, usage) == "limit processes was met 2 times\nlimit cpu held it back for 6.0 s\n");
}

TEST_CASE("limits are changed while the service runs, and hold after its restart", "[supervise][limits]") {
    Supervised web("while :; do sleep 1; done");
    web.service.spec.limits = limits(64u << 20);
    REQUIRE(web.settle().state == ServiceState::ready);
    CHECK(readings(web.status()) == "memory=64M\n");
    const auto before = web.status().service;

    CHECK(supervise::change_limits(web.run(), limits(32u << 20)));

    CHECK(readings(web.status()) == "memory=32M\n");
    CHECK(web.status().service->pid == before->pid);
    CHECK(supervise::read_service(web.run()).spec.limits.wanted.at(LimitKind::memory).value == 32u << 20);
    ::kill(before->pid, SIGKILL);
    web.wait_for([&](const auto& status) {
        return status.state == ServiceState::ready && status.service && status.service->pid != before->pid;
    });
    CHECK(readings(web.status()) == "memory=32M\n");
}

TEST_CASE("a kernel that takes its time over a limit is waited for", "[supervise][limits]") {
    Supervised web("while :; do sleep 1; done");
    web.service.spec.limits = limits(64u << 20);
    web.prepare = [](test::LastingDriver& driver) {
        driver.fake.on_call = [](std::string_view call) {
            if (call.starts_with("limits ")) // longer than an ordinary answer may take
                std::this_thread::sleep_for(std::chrono::seconds(6));
        };
    };
    REQUIRE(web.settle().state == ServiceState::ready);

    CHECK(supervise::change_limits(web.run(), limits(32u << 20)));

    CHECK(readings(web.status()) == "memory=32M\n");
    CHECK(supervise::read_service(web.run()).spec.limits.wanted.at(LimitKind::memory).value == 32u << 20);
}

TEST_CASE("a limit that the kernel refuses leaves the former ones in force", "[supervise][limits]") {
    Supervised web("while :; do sleep 1; done");
    web.service.spec.limits = limits(64u << 20);
    web.prepare = [](test::LastingDriver& driver) {
        driver.fake.on_call = [](std::string_view call) {
            if (call.starts_with("limits ") && call.ends_with(" memory=1M"))
                throw base::Error(base::ErrorKind::denied, "limit memory", "the jail uses more than 1M");
        };
    };
    REQUIRE(web.settle().state == ServiceState::ready);

    CHECK_THROWS_WITH(supervise::change_limits(web.run(), limits(1u << 20)),
                      ContainsSubstring("the jail uses more than 1M"));

    CHECK(readings(web.status()) == "memory=64M\n");
    CHECK(supervise::read_service(web.run()).spec.limits.wanted.at(LimitKind::memory).value == 64u << 20);
    CHECK(web.status().state == ServiceState::ready);
}

TEST_CASE("a limit that cannot be enforced and has to be is not put off to the next start",
          "[supervise][limits]") {
    Supervised web("while :; do sleep 1; done");
    web.service.spec.limits = limits(64u << 20);
    web.prepare = [](test::LastingDriver& driver) { driver.fake.unavailable = {LimitKind::cpu}; };
    REQUIRE(web.settle().state == ServiceState::ready);
    jail::Limits wanted = limits(64u << 20);
    wanted.wanted[LimitKind::cpu] = {50, "test"};
    wanted.require_enforced = true;

    try {
        supervise::change_limits(web.run(), wanted);
        FAIL("not refused");
    } catch (const base::Error& error) {
        CHECK(error.kind() == base::ErrorKind::denied);
        CHECK(error.cause() ==
              "limit cpu: is unavailable (switched off by the test), and every limit has to be "
              "enforced");
        CHECK_THAT(error.hint(), ContainsSubstring("pkgjail limits test require=any does without"));
    }
    CHECK(readings(web.status()) == "memory=64M\n");
}

TEST_CASE("limits of a service that does not run are not changed here", "[supervise][limits]") {
    Supervised web("sleep 100");
    REQUIRE(web.settle().state == ServiceState::ready);
    REQUIRE(web.stop());

    CHECK_FALSE(supervise::change_limits(web.run(), limits(1u << 20)));
}

TEST_CASE("a supervisor that hangs is named when limits are changed, and soon", "[supervise][limits][slow]") {
    Supervised web("sleep 100");
    REQUIRE(web.settle().state == ServiceState::ready);
    ::kill(web.supervisor(), SIGSTOP);
    const base::SteadyTime asked = base::steady_now();

    try {
        supervise::change_limits(web.run(), limits(1u << 20));
        FAIL("they are said to be in force");
    } catch (const base::Error& error) {
        const std::string pid = std::to_string(web.supervisor());
        CHECK(error.object() == "test");
        CHECK(error.cause() ==
              "its supervisor (process " + pid + ") does not answer, and may still put the limits in force");
        CHECK(error.hint() ==
              "try again; if it stays so, end it with: kill -9 " + pid + ", then pkgjail restart test");
    }
    CHECK(base::steady_now() - asked < std::chrono::seconds(60));
}

TEST_CASE("limits of a service without its supervisor are not changed behind its back",
          "[supervise][limits]") {
    Supervised web("sleep 100");
    REQUIRE(web.settle().state == ServiceState::ready);
    web.kill_supervisor();

    CHECK_THROWS_WITH(supervise::change_limits(web.run(), limits(1u << 20)),
                      ContainsSubstring("has no supervisor that answers"));
}
