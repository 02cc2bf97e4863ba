#include "pkgjail/supervise/restart.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "pkgjail/supervise/attempt.hpp"

namespace pkgjail::supervise {

RestartVerdict RestartBudget::judge(const ServiceEnd& end, base::SteadyTime now) {
    using Policy = jail::Restart::Policy;
    if (end.final || rules_.policy == Policy::never || (rules_.policy == Policy::on_failure && !end.failure))
        return {std::nullopt, end.reason};
    if (const auto delay = take(now))
        return {delay, end.reason};
    return {std::nullopt, fmt::format("{} (given up after {} restarts within {})", end.reason, rules_.budget,
                                      show_duration(rules_.window))};
}

std::optional<std::chrono::milliseconds> RestartBudget::take(base::SteadyTime now) {
    while (!taken_.empty() && now - taken_.front() >= rules_.window)
        taken_.pop_front();
    if (taken_.size() >= rules_.budget)
        return std::nullopt;
    std::chrono::milliseconds delay = std::min(rules_.backoff, rules_.backoff_max);
    for (std::size_t count = 0; count < taken_.size() && delay < rules_.backoff_max; ++count)
        delay = std::min(delay * 2, rules_.backoff_max);
    taken_.push_back(now);
    return delay;
}

} // namespace pkgjail::supervise
