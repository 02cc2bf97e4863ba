// What a supervisor remembers of its jail's usage, and tells.
#include <csignal>

#include "pkgjail/supervise/control.hpp"
#include "pkgjail/supervise/usage_looks.hpp"
#include "supervised.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using namespace std::chrono_literals;
using supervise::ServiceState;
using supervise::TimedUsage;
using supervise::UsageLooks;
using test::Supervised;

namespace {

const base::SteadyTime begin = base::SteadyTime() + 1h;

confine::Usage used(std::uint64_t cpu_usec) {
    confine::Usage usage;
    usage.cpu_usec = cpu_usec;
    return usage;
}

std::string show(const std::optional<TimedUsage>& look) {
    return look ? supervise::usage_words(*look) : "none";
}

} // namespace

TEST_CASE("a rate is told over the latest look that is neither too young nor too old", "[supervise][usage]") {
    UsageLooks looks;
    CHECK(show(looks.before(begin)) == "none");

    looks.add(used(7), begin);
    CHECK(show(looks.before(begin + 199ms)) == "none");
    CHECK(show(looks.before(begin + 200ms)) == "at_usec=3600000000 cpu_usec=7");
    looks.add(used(9), begin + 5s);
    CHECK(show(looks.before(begin + 5100ms)) == "at_usec=3600000000 cpu_usec=7");
    CHECK(show(looks.before(begin + 5200ms)) == "at_usec=3605000000 cpu_usec=9");
    CHECK(show(looks.before(begin + 17s)) == "at_usec=3605000000 cpu_usec=9");
    CHECK(show(looks.before(begin + 17001ms)) == "none");
    looks.forget();
    CHECK(show(looks.before(begin + 6s)) == "none");
}

TEST_CASE("a look is the same after it was told", "[supervise][usage]") {
    confine::Usage usage;
    usage.cpu_usec = 1;
    usage.io_read_bytes = 2;
    usage.io_write_bytes = UINT64_MAX;
    usage.net_in_bytes = 4;
    usage.net_out_bytes = 5;
    const std::string words = supervise::usage_words({usage, begin});
    CHECK(words == "at_usec=3600000000 cpu_usec=1 io_read_bytes=2 io_write_bytes=18446744073709551615 "
                   "net_in_bytes=4 net_out_bytes=5");

    CHECK(show(supervise::parse_usage_words(words)) == words);
    CHECK(show(supervise::parse_usage_words("cpu_usec=3 new_bytes=4 at_usec=5")) == "at_usec=5 cpu_usec=3");
    for (const char* wrong :
         {"", "cpu_usec=1", "at_usec=", "at_usec=x", "at_usec=-1", "at_usec=1 cpu_usec",
          "at_usec=1 cpu_usec=1x", "at_usec=1  cpu_usec=1", "at_usec=18446744073709551615",
          "at_usec=9223372036854775807", "at_usec=1 cpu_usec=18446744073709551616"}) {
        INFO(wrong);
        CHECK_FALSE(supervise::parse_usage_words(wrong));
    }
}

TEST_CASE("a supervisor tells what it saw of the service that runs, and of no other", "[supervise][usage]") {
    Supervised web("while :; do sleep 1; done");
    web.service.spec.limits.wanted[jail::LimitKind::processes] = {9, "test"};
    web.prepare = [](test::LastingDriver& driver) { driver.fake.next_usage = used(4321); };
    REQUIRE(web.settle().state == ServiceState::ready);
    const auto first = web.status().service;
    CHECK(show(supervise::earlier_usage(web.run())) == "none");

    CHECK(test::wait_until([&] { return supervise::earlier_usage(web.run()).has_value(); }));

    const auto look = supervise::earlier_usage(web.run());
    REQUIRE(look);
    CHECK(look->usage.cpu_usec == 4321u);
    CHECK(look->at <= base::steady_now() - UsageLooks::youngest);
    ::kill(first->pid, SIGKILL);
    web.wait_for([&](const auto& status) {
        return status.state == ServiceState::ready && status.service->pid != first->pid;
    });
    CHECK(show(supervise::earlier_usage(web.run())) == "none");
    web.kill_supervisor();
    CHECK(show(supervise::earlier_usage(web.run())) == "none");
}
