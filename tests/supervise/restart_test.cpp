#include <cstdlib>

#include "pkgjail/supervise/probe_count.hpp"
#include "pkgjail/supervise/restart.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using namespace std::chrono_literals;

namespace {

/// Delays in milliseconds of restarts at these seconds; "-" where there is none.
std::string delays(const jail::Restart& rules, const std::vector<int>& seconds) {
    supervise::RestartBudget budget(rules);
    base::SteadyTime begin{};
    std::string text;
    for (int second : seconds) {
        auto delay = budget.take(begin + std::chrono::seconds(second));
        text += (text.empty() ? "" : " ") + (delay ? std::to_string(delay->count()) : "-");
    }
    return text;
}

jail::Restart rules(std::chrono::milliseconds backoff, std::chrono::milliseconds most, unsigned budget) {
    jail::Restart result;
    result.backoff = backoff;
    result.backoff_max = most;
    result.budget = budget;
    result.window = 60s;
    return result;
}

} // namespace

TEST_CASE("the delay before a restart doubles up to its ceiling", "[supervise][restart]") {
    CHECK(delays(rules(500ms, 30s, 9), {0, 1, 2, 3, 4, 5, 6, 7, 8}) ==
          "500 1000 2000 4000 8000 16000 30000 30000 30000");
    CHECK(delays(rules(5s, 2s, 2), {0, 1}) == "2000 2000");
    CHECK(delays(rules(0ms, 2s, 2), {0, 1}) == "0 0");
}

TEST_CASE("the budget is for a window that moves", "[supervise][restart]") {
    CHECK(delays(rules(500ms, 30s, 3), {0, 10, 20, 30}) == "500 1000 2000 -");
    CHECK(delays(rules(500ms, 30s, 3), {0, 10, 20, 59, 60, 61}) == "500 1000 2000 - 2000 -");
    CHECK(delays(rules(500ms, 30s, 0), {0}) == "-");
}

TEST_CASE("a service that ran for a whole window starts with the short delay again", "[supervise][restart]") {
    CHECK(delays(rules(500ms, 30s, 3), {0, 1, 100, 200}) == "500 1000 500 500");
}

TEST_CASE("policy, budget and somebody who waits decide what an end means", "[supervise][restart]") {
    const auto verdict = [](jail::Restart::Policy policy, bool failure, bool final, unsigned budget) {
        jail::Restart rule = rules(500ms, 30s, budget);
        rule.policy = policy;
        const auto said = supervise::RestartBudget(rule).judge({"exit status 1", failure, final}, {});
        return (said.again_in ? std::to_string(said.again_in->count()) + " ms: " : "no: ") + said.reason;
    };
    using Policy = jail::Restart::Policy;
    CHECK(verdict(Policy::always, false, false, 1) == "500 ms: exit status 1");
    CHECK(verdict(Policy::always, true, true, 1) == "no: exit status 1");
    CHECK(verdict(Policy::on_failure, true, false, 1) == "500 ms: exit status 1");
    CHECK(verdict(Policy::on_failure, false, false, 1) == "no: exit status 1");
    CHECK(verdict(Policy::never, true, false, 1) == "no: exit status 1");
    CHECK(verdict(Policy::always, true, false, 0) ==
          "no: exit status 1 (given up after 0 restarts within 60 s)");
}

TEST_CASE("a probe's answers count in a row, and not before the grace is over", "[supervise][restart]") {
    jail::Health health;
    health.grace = 1s;
    health.successes = 2;
    health.failures = 2;
    supervise::ProbeCount count(health);
    // "+300" is a success 300 ms after the start; the letters are what it meant.
    const auto run = [&](supervise::ServiceState state, const std::vector<int>& answers) {
        std::string text;
        for (const int answer : answers)
            text += "-rtu"[static_cast<int>(
                count.take(answer > 0, state, std::chrono::milliseconds(std::abs(answer))))];
        return text;
    };
    using supervise::ServiceState;
    CHECK(run(ServiceState::starting, {-1, 300, -310, 320, 330}) == "----r");
    CHECK(count.pause() == health.interval);
    CHECK(run(ServiceState::ready, {-500, -600, -1100, 1200, -1300, -1400, -1500}) == "-----uu");
    CHECK(run(ServiceState::unhealthy, {2000}) == "r");
    count.begin();
    CHECK(count.pause() == 10ms);
    CHECK(run(ServiceState::starting, {-998}) == "-");
    CHECK(count.pause() == 10ms);
    CHECK(run(ServiceState::starting, {-999, -1000}) == "-t");
}
