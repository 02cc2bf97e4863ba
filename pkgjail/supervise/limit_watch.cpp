#include "pkgjail/supervise/limit_watch.hpp"

#include <utility>

#include <fmt/format.h>

#include "pkgjail/jail/quantity.hpp"

namespace pkgjail::supervise {

namespace {

std::string times(std::uint64_t count) {
    return count == 1 ? "once" : fmt::format("{} times", count);
}

} // namespace

std::uint64_t LimitWatch::take(Counter& counter, const std::optional<std::uint64_t>& value,
                               std::uint64_t threshold, base::SteadyTime now) {
    if (!value)
        return 0;
    counter.untold += *value >= counter.seen ? *value - counter.seen : *value;
    counter.seen = *value;
    if (counter.untold < threshold || (counter.told && now - *counter.told < quiet))
        return 0;
    counter.told = now;
    return std::exchange(counter.untold, 0);
}

std::vector<std::string> LimitWatch::look(const confine::Usage& usage, base::SteadyTime now) {
    std::vector<std::string> events;
    if (const auto count = take(kills_, usage.memory_kills, 1, now); count > 0)
        events.push_back(
            fmt::format("limit memory: the kernel ended {} process{}", count, count == 1 ? "" : "es"));
    if (const auto count = take(memory_, usage.memory_limit_hits, 1, now); count > 0)
        events.push_back(fmt::format("limit memory was met {}", times(count)));
    if (const auto count = take(processes_, usage.process_limit_hits, 1, now); count > 0)
        events.push_back(fmt::format("limit processes was met {}", times(count)));
    if (const auto usec = take(cpu_, usage.throttled_usec, noticeable_throttling_usec, now); usec > 0)
        events.push_back(fmt::format("limit cpu held it back for {:.1f} s", static_cast<double>(usec) / 1e6));
    return events;
}

std::vector<std::string> LimitWatch::look_at_disk(std::uint64_t used, std::uint64_t limit,
                                                  base::SteadyTime now) {
    if (used >= limit - limit / 100)
        ++disk_hits_;
    if (take(disk_, disk_hits_, 1, now) == 0)
        return {};
    return {fmt::format("limit disk is met: {} of {} are used", jail::format_size(used),
                        jail::format_size(limit))};
}

} // namespace pkgjail::supervise
