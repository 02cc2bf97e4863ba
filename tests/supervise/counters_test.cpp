// Counters over restarts of the service and of its supervisor.
#include "pkgjail/base/boot.hpp"
#include "pkgjail/supervise/counters.hpp"
#include "pkgjail/supervise/state_file.hpp"
#include "supervised.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using supervise::Counters;
using supervise::RecordedStatus;
using supervise::ServiceState;

namespace {

confine::Usage usage_of(std::uint64_t cpu_usec) {
    confine::Usage usage;
    usage.cpu_usec = cpu_usec;
    return usage;
}

std::string show(const Counters& counters) {
    return "cpu " + (counters.cpu_usec ? std::to_string(*counters.cpu_usec) : "unknown") + ", restarts " +
           std::to_string(counters.restarts);
}

/// A run that goes on, after others that used `ended_cpu`.
RecordedStatus running(std::uint64_t ended_cpu) {
    RecordedStatus recorded;
    recorded.boot = base::boot_id();
    recorded.status.state = ServiceState::ready;
    recorded.status.service = base::identify_process(::getpid());
    recorded.status.sums.ended.cpu_usec = ended_cpu;
    return recorded;
}

} // namespace

TEST_CASE("a running service's figures are added to those of the runs before", "[supervise][counters]") {
    const test::TempDir dir;
    CHECK(show(supervise::read_counters(dir.path(), [] { return usage_of(1); })) ==
          "cpu unknown, restarts 0");
    supervise::write_state(dir.path(), running(100));

    CHECK(show(supervise::read_counters(dir.path(), [] { return usage_of(7); })) == "cpu 107, restarts 0");
}

TEST_CASE("what cannot be told at this moment is not told by halves", "[supervise][counters]") {
    const test::TempDir dir;
    RecordedStatus recorded = running(100);
    const auto counters = [&] {
        supervise::write_state(dir.path(), recorded);
        return show(supervise::read_counters(dir.path(), [] { return usage_of(7); }));
    };

    SECTION("the kernel's figures are gone") {
        supervise::write_state(dir.path(), recorded);
        CHECK(show(supervise::read_counters(dir.path(), []() -> confine::Usage {
                  throw base::Error(base::ErrorKind::conflict, "web", "is not running");
              })) == "cpu unknown, restarts 0");
    }
    SECTION("the run is being added") {
        recorded.status.sums.closing = true;
        CHECK(counters() == "cpu unknown, restarts 0");
    }
    SECTION("the host has gone down since") {
        recorded.boot = "another";
        CHECK(counters() == "cpu unknown, restarts 0");
    }
    SECTION("the run was closed while the kernel was asked") {
        supervise::write_state(dir.path(), recorded);
        CHECK(show(supervise::read_counters(dir.path(), [&] {
                  recorded.status.sums.counted = recorded.status.service;
                  recorded.status.sums.ended.cpu_usec = 109;
                  supervise::write_state(dir.path(), recorded);
                  return usage_of(9);
              })) == "cpu 109, restarts 0");
    }
}

TEST_CASE("a run is added to the sums once", "[supervise][counters]") {
    RecordedStatus recorded = running(100);
    std::string writes;
    const auto close = [&] {
        supervise::close_run(
            recorded,
            [&] {
                writes += (recorded.status.sums.closing ? "closing " : "counted ") +
                          std::to_string(*recorded.status.sums.ended.cpu_usec) + "\n";
            },
            [] { return usage_of(7); });
    };

    close();
    close();

    CHECK(writes == "closing 100\ncounted 107\n");
}

TEST_CASE("a run whose figures are lost makes the sums begin anew", "[supervise][counters]") {
    const test::TempDir dir;
    RecordedStatus recorded = running(100);
    recorded.status.restarts = 4;
    supervise::write_state(dir.path(), recorded);

    CHECK(show(supervise::carried_over(dir.path())) == "cpu unknown, restarts 4");

    recorded.status.sums.counted = recorded.status.service;
    supervise::write_state(dir.path(), recorded);
    CHECK(show(supervise::carried_over(dir.path())) == "cpu 100, restarts 4");
}

TEST_CASE("counters go on over restarts by the supervisor and over a new supervisor",
          "[supervise][counters]") {
    test::Supervised web("exit 1");
    web.prepare = [](test::LastingDriver& driver) { driver.fake.next_usage = usage_of(1000); };
    const auto counters = [&] {
        return show(supervise::read_counters(web.run(), [] { return usage_of(50); }));
    };

    // A budget of two: three runs.
    REQUIRE(web.settle().state == ServiceState::failed);
    CHECK(counters() == "cpu 3000, restarts 2");
    REQUIRE(web.settle().state == ServiceState::failed);
    CHECK(counters() == "cpu 6000, restarts 4");

    web.service.spec.command = {"/bin/sh", "-c", "sleep 1000"};
    REQUIRE(web.settle().state == ServiceState::ready);
    CHECK(counters() == "cpu 6050, restarts 4");
    web.kill_supervisor();
    CHECK(counters() == "cpu 6050, restarts 4");
    // Ended by the next supervisor, which counts what the dead one could not.
    REQUIRE(web.settle().state == ServiceState::ready);
    CHECK(counters() == "cpu 7050, restarts 4");
}
