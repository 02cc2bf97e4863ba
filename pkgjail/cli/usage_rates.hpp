// What jails do between two looks, for top and the status page.
#pragma once

#include <optional>
#include <vector>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/ops/inspect.hpp"

namespace pkgjail::cli {

struct UsageLook {
    base::SteadyTime at;
    std::vector<ops::JailView> views;
};
UsageLook look_at_usage(const ops::Context& context);

/// Unset where the jail did not run all the time, or the host cannot tell.
struct UsageRates {
    std::optional<double> cpu_percent; ///< 100: one processor
    std::optional<double> read_bytes_per_second;
    std::optional<double> written_bytes_per_second;
};
struct UsageLine {
    const ops::JailView* view; ///< of the later look
    UsageRates rates;
};
std::vector<UsageLine> usage_lines(const UsageLook& before, const UsageLook& now);

} // namespace pkgjail::cli
