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
