#include "pkgjail/supervise/restart.hpp"

#include <algorithm>

namespace pkgjail::supervise {

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
