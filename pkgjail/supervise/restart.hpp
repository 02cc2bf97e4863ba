// When a service that ended is started again, and when no more. The same rule for the first service of a jail
// and for the further ones.
#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <string>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/jail/recipe.hpp"

namespace pkgjail::supervise {

/// How a service came to its end.
struct ServiceEnd {
    std::string reason; ///< "exit status 1", "probe: connection refused"
    bool failure = true;
    /// Somebody waits for the first start and it was never ready: then no policy starts it again.
    bool final = false;
};

struct RestartVerdict {
    std::optional<std::chrono::milliseconds> again_in; ///< unset: not any more
    std::string reason;                                ///< of the state that follows, backoff or failed
};

/// Counts restarts within the window. The delay doubles with each restart that is still in the window, so a
/// service that ran well for a whole window begins with the short one again. Pure: time comes in.
class RestartBudget {
  public:
    explicit RestartBudget(const jail::Restart& rules) : rules_(rules) {}
    /// What the policy and the budget say to this end. Takes one restart from the budget when it is one.
    RestartVerdict judge(const ServiceEnd& end, base::SteadyTime now);
    /// Takes one restart and says how long to wait before it; nullopt when the budget is used up.
    std::optional<std::chrono::milliseconds> take(base::SteadyTime now);
    /// All restarts may be used again: the operator has looked after it.
    void refill() { taken_.clear(); }

  private:
    jail::Restart rules_;
    std::deque<base::SteadyTime> taken_; // at most `budget` of them
};

} // namespace pkgjail::supervise
