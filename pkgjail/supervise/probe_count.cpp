#include "pkgjail/supervise/probe_count.hpp"

#include <algorithm>

namespace pkgjail::supervise {

void ProbeCount::begin() {
    successes_ = failures_ = 0;
    starting_pause_ = pause_ = first_pause;
}

ProbeCount::Meaning ProbeCount::take(bool healthy, ServiceState state, std::chrono::milliseconds age) {
    pause_ = health_.interval;
    if (state == ServiceState::starting) {
        successes_ = healthy ? successes_ + 1 : 0;
        if (successes_ >= health_.successes)
            return Meaning::ready;
        if (!healthy && age >= health_.grace)
            return Meaning::too_late;
        pause_ = starting_pause_;
        starting_pause_ = std::min(starting_pause_ * 2, longest_pause);
        return Meaning::nothing;
    }
    if (healthy) {
        failures_ = 0;
        return state == ServiceState::unhealthy ? Meaning::ready : Meaning::nothing;
    }
    if (age < health_.grace || ++failures_ < health_.failures)
        return Meaning::nothing;
    return Meaning::unhealthy;
}

} // namespace pkgjail::supervise
