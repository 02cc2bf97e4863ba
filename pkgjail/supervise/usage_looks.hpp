// What a supervisor saw when it looked at its jail's usage last, for whoever wants to know a rate and has
// only looked once.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/path.hpp"
#include "pkgjail/confine/driver.hpp"

namespace pkgjail::supervise {

struct TimedUsage {
    confine::Usage usage;
    base::SteadyTime at;
};

class UsageLooks {
  public:
    /// A rate over less than this says little, and one over more nothing of the present.
    static constexpr std::chrono::milliseconds youngest{200};
    static constexpr std::chrono::milliseconds oldest{12'000};

    void add(const confine::Usage& usage, base::SteadyTime at);
    /// With another start of the service the kernel's figures begin anew.
    void forget();
    /// The latest one that is old enough, if it is not too old.
    std::optional<TimedUsage> before(base::SteadyTime now) const;

  private:
    std::optional<TimedUsage> last_, one_before_;
};

/// The figures that rates are made of, as a word of the conversation: "at_usec=5017 cpu_usec=23 …", the time
/// by the host's steady clock.
std::string usage_words(const TimedUsage& look);
/// Words that it does not know are left out. nullopt: no time, or a number that is none.
std::optional<TimedUsage> parse_usage_words(std::string_view words);

/// Asks the supervisor for its earlier look. nullopt: it has none, is an older one, or is not there or too
/// busy to answer at once; then the caller looks twice by itself.
std::optional<TimedUsage> earlier_usage(const base::HostPath& run_directory);

} // namespace pkgjail::supervise
