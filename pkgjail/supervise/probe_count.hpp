// What the answers of a probe make of a service: ready, late, unhealthy. The same for the first service of a
// jail and for the further ones. Pure: states and times come in.
#pragma once

#include <chrono>

#include "pkgjail/jail/recipe.hpp"
#include "pkgjail/supervise/service_state.hpp"

namespace pkgjail::supervise {

class ProbeCount {
  public:
    /// While starting, probes are this far apart, doubling from the first to the second.
    static constexpr std::chrono::milliseconds first_pause{10};
    static constexpr std::chrono::milliseconds longest_pause{250};

    /// `health` outlives it.
    explicit ProbeCount(const jail::Health& health) : health_(health) {}
    /// The service is started, anew.
    void begin();

    enum class Meaning {
        nothing,
        ready,     ///< for the first time since its start, or again
        too_late,  ///< its grace is over and it is not ready
        unhealthy, ///< so often in a row that it counts; told at each further failure
    };
    /// Takes the next answer. `state` is the service's own, `age` the time since its start.
    Meaning take(bool healthy, ServiceState state, std::chrono::milliseconds age);
    /// How long to wait before the next probe.
    std::chrono::milliseconds pause() const { return pause_; }
    unsigned failures() const { return failures_; } ///< in a row

  private:
    const jail::Health& health_;
    unsigned successes_ = 0;
    unsigned failures_ = 0;
    std::chrono::milliseconds starting_pause_{first_pause};
    std::chrono::milliseconds pause_{first_pause};
};

} // namespace pkgjail::supervise
