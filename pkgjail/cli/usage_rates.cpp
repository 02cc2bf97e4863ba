#include "pkgjail/cli/usage_rates.hpp"

#include <map>

namespace pkgjail::cli {

namespace {

using Number = std::optional<std::uint64_t>;

std::optional<double> per_second(const Number& before, const Number& now, double seconds) {
    if (!before || !now || *now < *before || seconds <= 0)
        return std::nullopt;
    return static_cast<double>(*now - *before) / seconds;
}

UsageRates rates_of(const ops::JailView* before, const ops::JailView& now, double seconds) {
    UsageRates rates;
    // Another first process means other control groups, whose figures began at zero.
    if (before == nullptr || !now.status.service || before->status.service != now.status.service)
        return rates;
    if (const auto usec = per_second(before->usage.cpu_usec, now.usage.cpu_usec, seconds))
        rates.cpu_percent = *usec / 10'000;
    rates.read_bytes_per_second = per_second(before->usage.io_read_bytes, now.usage.io_read_bytes, seconds);
    rates.written_bytes_per_second =
        per_second(before->usage.io_write_bytes, now.usage.io_write_bytes, seconds);
    return rates;
}

} // namespace

UsageLook look_at_usage(const ops::Context& context) {
    std::vector<ops::JailView> views = ops::jails(context, {});
    return {base::steady_now(), std::move(views)};
}

std::vector<UsageLine> usage_lines(const UsageLook& before, const UsageLook& now) {
    std::map<std::string, const ops::JailView*> earlier;
    for (const ops::JailView& view : before.views)
        earlier[view.jail.id] = &view;
    const double seconds = std::chrono::duration<double>(now.at - before.at).count();
    std::vector<UsageLine> lines;
    for (const ops::JailView& view : now.views) {
        const auto known = earlier.find(view.jail.id);
        lines.push_back({&view, rates_of(known == earlier.end() ? nullptr : known->second, view, seconds)});
    }
    return lines;
}

} // namespace pkgjail::cli
