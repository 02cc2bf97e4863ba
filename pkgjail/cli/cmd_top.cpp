// top: what jails use, as rates between two looks.
#include <algorithm>
#include <thread>

#include <unistd.h>

#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/cli/live_screen.hpp"
#include "pkgjail/cli/status_words.hpp"
#include "pkgjail/cli/usage_rates.hpp"
#include "pkgjail/jail/quantity.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;

namespace {

using Number = std::optional<std::uint64_t>;

Number limit_of(const ops::JailView& view, jail::LimitKind kind) {
    for (const jail::LimitReading& limit : view.status.limits)
        if (limit.kind == kind)
            return limit.effective;
    return std::nullopt;
}

std::string against(const std::string& value, const Number& limit, jail::LimitKind kind) {
    if (value.empty())
        return "-";
    return limit ? value + "/" + jail::format_limit(kind, *limit) : value;
}

/// A figure that has come near its ceiling.
Color pressure(const std::optional<double>& value, const Number& limit) {
    if (!value || !limit || *limit == 0)
        return Color::none;
    const double share = *value / static_cast<double>(*limit);
    return share >= 0.95 ? Color::red : share >= 0.8 ? Color::yellow : Color::none;
}

std::string rate_text(const std::optional<double>& bytes_per_second) {
    return bytes_per_second ? jail::format_size(static_cast<std::uint64_t>(*bytes_per_second)) + "/s" : "-";
}

std::optional<double> as_double(const Number& number) {
    return number ? std::optional(static_cast<double>(*number)) : std::nullopt;
}

std::string table_text(std::vector<UsageLine> lines, char order, const Screen& screen) {
    const auto more = [&](const UsageLine& a, const UsageLine& b) {
        if (order == 'c')
            return a.rates.cpu_percent.value_or(-1) > b.rates.cpu_percent.value_or(-1);
        return a.view->usage.memory_bytes.value_or(0) > b.view->usage.memory_bytes.value_or(0);
    };
    if (order != 'n')
        std::stable_sort(lines.begin(), lines.end(), more);
    Table table({"JAIL", "STATE", "CPU", "MEMORY", "PROCS", "READ", "WRITE"}, 0);
    for (const UsageLine& line : lines) {
        const ops::JailView& view = *line.view;
        const Number cpu = limit_of(view, jail::LimitKind::cpu);
        const Number memory = limit_of(view, jail::LimitKind::memory);
        const Number processes = limit_of(view, jail::LimitKind::processes);
        const auto& usage = view.usage;
        table.add({{view.jail.name},
                   {std::string(supervise::state_name(view.status.state)), state_color(view.status.state)},
                   {against(line.rates.cpu_percent ? fmt::format("{:.1f}", *line.rates.cpu_percent) : "", cpu,
                            jail::LimitKind::cpu),
                    pressure(line.rates.cpu_percent, cpu)},
                   {against(usage.memory_bytes ? jail::format_size(*usage.memory_bytes) : "", memory,
                            jail::LimitKind::memory),
                    pressure(as_double(usage.memory_bytes), memory)},
                   {against(usage.processes ? std::to_string(*usage.processes) : "", processes,
                            jail::LimitKind::processes),
                    pressure(as_double(usage.processes), processes)},
                   {rate_text(line.rates.read_bytes_per_second)},
                   {rate_text(line.rates.written_bytes_per_second)}});
    }
    return table.render(screen);
}

template <class Value>
Json or_null(const std::optional<Value>& value) {
    return value ? Json(*value) : Json(nullptr);
}

Json lines_json(const std::vector<UsageLine>& lines) {
    Json list = Json::array();
    for (const UsageLine& line : lines)
        list.push_back({{"jail", line.view->jail.name},
                        {"state", supervise::state_name(line.view->status.state)},
                        {"cpu_percent", or_null(line.rates.cpu_percent)},
                        {"read_bytes_per_second", or_null(line.rates.read_bytes_per_second)},
                        {"written_bytes_per_second", or_null(line.rates.written_bytes_per_second)},
                        {"usage", usage_json(line.view->usage)},
                        {"limits", limits_json(line.view->status.limits)}});
    return list;
}

std::chrono::milliseconds interval_option(Environment& environment) {
    if (!environment.has("interval"))
        return std::chrono::milliseconds(2'000);
    const std::string text = environment.text("interval");
    const auto interval = jail::parse_duration(text);
    if (!interval || *interval < std::chrono::milliseconds(100) || *interval > std::chrono::hours(1))
        throw Error(ErrorKind::usage, "--interval",
                    fmt::format("found \"{}\", allowed: a time from 100ms to 1h", text));
    return *interval;
}

void watch(Environment& environment, std::chrono::milliseconds interval) {
    UsageLook before = look_at_usage(environment.context());
    UsageLook now = before;
    char order = 'n';
    LiveScreen terminal;
    base::SteadyTime next = base::steady_now();
    for (;;) {
        if (base::steady_now() >= next) {
            now = look_at_usage(environment.context());
            next = base::steady_now() + interval;
        }
        const Screen screen = output_screen();
        const std::string head =
            fmt::format("{}  {} of {} jails ready   c, m, n: by cpu, memory, name   q: quit",
                        base::format_time(base::wall_now()),
                        std::count_if(now.views.begin(), now.views.end(),
                                      [](const ops::JailView& view) {
                                          return view.status.state == supervise::ServiceState::ready;
                                      }),
                        now.views.size());
        terminal.draw(cut(head, screen.columns) + "\n\n" +
                      table_text(usage_lines(before, now), order, screen));
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - base::steady_now());
        const char key = terminal.wait_for_key(std::max(left, std::chrono::milliseconds(0)));
        if (key == 'q')
            return;
        if (key == 'c' || key == 'm' || key == 'n')
            order = key;
        if (base::steady_now() >= next)
            before = now;
    }
}

} // namespace

int cmd_top(Environment& environment) {
    const auto interval = interval_option(environment);
    const bool once = environment.has("once") || environment.json();
    if (!once) {
        if (!can_ask() || !output_screen().is_terminal)
            throw Error(ErrorKind::usage, "top", "standard input and output are no terminal",
                        "pkgjail top --once prints one table");
        environment.context(); // what is wrong with the configuration is said before the screen is taken
        watch(environment, interval);
        // As if it had not been caught.
        return LiveScreen::ended_by() == 0 ? exit_done : 128 + LiveScreen::ended_by();
    }
    const UsageLook before = look_at_usage(environment.context());
    if (!before.views.empty())
        std::this_thread::sleep_for(interval);
    const UsageLook now = look_at_usage(environment.context());
    const std::vector<UsageLine> lines = usage_lines(before, now);
    if (environment.json())
        environment.print_json({{"jails", lines_json(lines)}});
    else if (lines.empty())
        environment.say("no jails; pkgjail install PACKAGE makes the first one\n");
    else
        environment.say(table_text(lines, 'n', output_screen()));
    return exit_done;
}

} // namespace pkgjail::cli
