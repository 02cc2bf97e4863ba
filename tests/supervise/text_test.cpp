// The files and lines that command and supervisor give each other.
#include "pkgjail/base/error.hpp"
#include "pkgjail/supervise/announcement.hpp"
#include "pkgjail/supervise/service_json.hpp"
#include "pkgjail/supervise/state_file.hpp"
#include "supervised.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using namespace std::chrono_literals;

TEST_CASE("what a supervisor is told survives being written and read", "[supervise][text]") {
    test::Supervised web("exec sleep 1000");
    supervise::SupervisedService& service = web.service;
    service.service.environment = {{"KEY", "välue \"quoted\"\n"}};
    service.service.stop_signal = 3;
    service.service.reload_signal = 1;
    service.service.restart.policy = jail::Restart::Policy::always;
    service.health.probe = jail::Probe{jail::Probe::Kind::unix_socket, "/run/x.sock", {"a", "b c"}};
    service.health.quiet = 7s;
    service.runtime = "/usr/bin/crun";
    service.log_files = 9;
    service.spec.limits.wanted[jail::LimitKind::memory] = {1ull << 40, "template web"};

    std::string text = supervise::to_json(service);

    CHECK(supervise::to_json(supervise::service_from_json(text)) == text);
    CHECK_THAT(text, ContainsSubstring("\"always\"") && ContainsSubstring("\"/run/x.sock\"") &&
                         ContainsSubstring("7000") && ContainsSubstring("1099511627776"));
}

TEST_CASE("a description that is none is refused", "[supervise][text]") {
    for (const char* text : {"", "{}", "[]", "{\"format\":2}", "{\"format\":1}", "null"}) {
        INFO(text);
        CHECK_THROWS_AS(supervise::service_from_json(text), base::Error);
    }
}

TEST_CASE("a status survives being written and read", "[supervise][text]") {
    supervise::RecordedStatus recorded;
    recorded.boot = "boot";
    supervise::ServiceStatus& status = recorded.status;
    status.state = supervise::ServiceState::unhealthy;
    status.reason = "probe: \xff\x1b[2J";
    status.supervisor = base::ProcessId{12, 34};
    status.service = base::ProcessId{56, 1ull << 60};
    status.started_at = base::parse_time("2026-11-21T12:00:00.000001Z");
    status.restarts = 3;
    status.limits = {{jail::LimitKind::cpu, 50, std::nullopt, jail::Enforcement::advisory, "sampled"},
                     {jail::LimitKind::io_read, 1, 2, jail::Enforcement::enforced, "io.max"}};

    std::string text = supervise::to_json(recorded);
    supervise::RecordedStatus again = supervise::status_from_json(text);

    CHECK(supervise::to_json(again) == text);
    CHECK(again.status.service == status.service);
    CHECK(again.status.started_at == status.started_at);
    CHECK_FALSE(again.status.ready_at);
    REQUIRE(again.status.limits.size() == 2);
    CHECK_FALSE(again.status.limits[0].effective);
    CHECK(again.status.limits[1].effective == 2u);
    CHECK(again.status.reason == "probe: \xef\xbf\xbd\x1b[2J");
}

TEST_CASE("an announced error arrives as it was thrown", "[supervise][text]") {
    base::Error error(base::ErrorKind::denied, "oci", "crun: failed\nrunc: failed", "install crun");
    error.add_context("inner");
    error.add_context("outer");

    std::string line = supervise::format_announcement(&error);
    auto announcement = supervise::parse_announcement(line);

    CHECK(line.find('\n') == line.size() - 1);
    REQUIRE(announcement);
    REQUIRE(announcement->error);
    CHECK(announcement->error->kind() == base::ErrorKind::denied);
    CHECK(std::string(announcement->error->what()) == error.what());
    CHECK(announcement->error->hint() == "install crun");
    CHECK_FALSE(supervise::parse_announcement(supervise::format_announcement(nullptr))->error);
    for (const char* text : {"", "hello", "[1]", "{\"kind\":99}", "{\"kind\":1}"})
        CHECK_FALSE(supervise::parse_announcement(text));
}
