// When a service that ended is started again, and when no more.
#pragma once

#include <chrono>
#include <deque>
#include <optional>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/jail/recipe.hpp"

namespace pkgjail::supervise {

/// Counts restarts within the window. The delay doubles with each restart that is still in the window, so a
/// service that ran well for a whole window begins with the short one again. Pure: time comes in.
class RestartBudget {
  public:
    explicit RestartBudget(const jail::Restart& rules) : rules_(rules) {}
    /// Takes one restart and says how long to wait before it; nullopt when the budget is used up.
    std::optional<std::chrono::milliseconds> take(base::SteadyTime now);

  private:
    jail::Restart rules_;
    std::deque<base::SteadyTime> taken_; // at most `budget` of them
};

} // namespace pkgjail::supervise
