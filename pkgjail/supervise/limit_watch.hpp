// Telling when a service meets its limits: from the kernel's counters, at most one event a minute for each
// limit, with how often it happened since the last one.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/confine/driver.hpp"

namespace pkgjail::supervise {

class LimitWatch {
  public:
    /// How often somebody should look.
    static constexpr std::chrono::milliseconds interval{5'000};
    /// Events of one limit are so far apart.
    static constexpr std::chrono::milliseconds quiet{60'000};
    /// Being held back is what a cpu limit is for; it is told when it was so long since the last event.
    static constexpr std::uint64_t noticeable_throttling_usec = 5'000'000;

    /// What there is to tell, a line each: "limit processes was met 12 times". Counters that went down, as
    /// they do when a service was started again, begin anew.
    std::vector<std::string> look(const confine::Usage& usage, base::SteadyTime now);

    /// The same of the disk, where somebody looks: being within a hundredth of the limit counts as meeting
    /// it.
    std::vector<std::string> look_at_disk(std::uint64_t used, std::uint64_t limit, base::SteadyTime now);

  private:
    struct Counter {
        std::uint64_t seen = 0;
        std::uint64_t untold = 0;
        std::optional<base::SteadyTime> told;
    };
    /// What has come to `counter` and may be told now; 0: nothing.
    static std::uint64_t take(Counter& counter, const std::optional<std::uint64_t>& value,
                              std::uint64_t threshold, base::SteadyTime now);

    Counter memory_, kills_, processes_, cpu_, disk_;
    std::uint64_t disk_hits_ = 0;
};

} // namespace pkgjail::supervise
