#include "bench/report.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace pkgjail::bench {
namespace {

/// Three digits that count, never more than two behind the point.
std::string figure(double value) {
    const double size = std::abs(value);
    return fmt::format("{:.{}f}", value, size < 9.995 ? 2 : size < 99.95 ? 1 : 0);
}

std::string unit_of(const Results& results, const Goal& goal) {
    if (goal.kind == GoalKind::most_times || goal.kind == GoalKind::least_times)
        return "x";
    const Thing* thing = results.find(goal.bench, goal.thing);
    return thing == nullptr ? "" : thing->unit;
}

std::string limit_of(const Results& results, const Goal& goal) {
    const std::string unit = unit_of(results, goal);
    const std::string sign = goal.kind == GoalKind::least_times ? ">=" : "<=";
    return fmt::format("{} {:g}{}{}", sign, goal.limit, unit == "x" ? "" : " ", unit);
}

std::string peer_of(const Goal& goal) {
    switch (goal.kind) {
    case GoalKind::most:
        break;
    case GoalKind::most_over:
        return "over " + goal.peer;
    case GoalKind::most_times:
    case GoalKind::least_times:
        return goal.peer;
    }
    return "";
}

std::string measured_table(const Results& results) {
    std::string text = fmt::format("{:<32} {:>8} {:>8} {:>8} {:>8} {:>3} {}\n", "measured", "median", "least",
                                   "greatest", "worked", "n", "unit");
    std::string bench;
    for (const Thing& thing : results.things) {
        if (thing.bench != bench)
            text += thing.bench + "\n";
        bench = thing.bench;
        const Spread found = spread(thing.samples);
        text += fmt::format("  {:<30} {:>8} {:>8} {:>8} {:>8} {:>3} {}\n", thing.name, figure(found.median),
                            figure(found.least), figure(found.greatest),
                            thing.worked.empty() ? "" : figure(spread(thing.worked).median),
                            thing.samples.size(), thing.unit);
    }
    return text;
}

std::string goal_table(const Results& results) {
    if (results.goals.empty())
        return "";
    std::string text =
        fmt::format("\n{:<25} {:>9} {:<26} {:>9} {}\n", "to reach", "found", "of", "limit", "reached");
    for (const Goal& goal : results.goals) {
        const std::optional<Outcome> outcome = results.outcome(goal);
        text += fmt::format("{:<25} {:>9} {:<26} {:>9} {}\n", goal.thing,
                            outcome ? figure(outcome->found) : "-", peer_of(goal), limit_of(results, goal),
                            !outcome           ? "-"
                            : outcome->reached ? "yes"
                                               : "NO");
    }
    return text;
}

std::string ratio_table(const Results& results) {
    if (results.versus.empty())
        return "";
    std::string text =
        fmt::format("\n{:<28} {:>8} {:>8} {:>8} {}\n", "ratio", "median", "least", "greatest", "times");
    for (const auto& [bench, pair] : results.versus) {
        const std::optional<Spread> ratio = results.ratio(bench, pair.first, pair.second);
        if (ratio)
            text += fmt::format("{:<28} {:>8} {:>8} {:>8} {}\n", pair.first, figure(ratio->median),
                                figure(ratio->least), figure(ratio->greatest), pair.second);
    }
    return text;
}

std::string curve_tables(const Results& results) {
    std::string text;
    for (const auto& [curve, series] : results.curves) {
        std::set<double> places;
        for (const auto& [name, points] : series)
            for (const auto& [x, samples] : points)
                places.insert(x);
        text += fmt::format("\n{:<26}", "by " + curve);
        for (const double x : places)
            text += fmt::format(" {:>10.0f}", x);
        text += "\n";
        for (const auto& [name, points] : series) {
            text += fmt::format("  {:<24}", name);
            for (const double x : places) {
                const auto found = points.find(x);
                text += fmt::format(" {:>10}",
                                    found == points.end() ? "-" : figure(spread(found->second).median));
            }
            text += "\n";
        }
    }
    return text;
}

/// At blanks, so that no line has more than 80 letters.
std::string wrapped(const std::string& text) {
    constexpr std::size_t width = 80;
    std::string result, line;
    std::size_t begin = 0;
    while (begin < text.size()) {
        const std::size_t end = std::min(text.find(' ', begin), text.size());
        const std::string word = text.substr(begin, end - begin);
        begin = end + 1;
        if (!line.empty() && line.size() + 1 + word.size() > width) {
            result += line + "\n";
            line = "    " + word;
        } else {
            line += (line.empty() ? "" : " ") + word;
        }
    }
    return result + line + "\n";
}

} // namespace

std::string report_text(const Results& results, const Circumstances& circumstances) {
    std::string text = wrapped(circumstances.date + ", " + circumstances.machine);
    text += wrapped("load " + circumstances.load_before + " before, " + circumstances.load_after +
                    " after; " + circumstances.settings);
    text +=
        "\n" + measured_table(results) + goal_table(results) + ratio_table(results) + curve_tables(results);
    if (!results.missing.empty())
        text += "\n";
    for (const auto& [bench, what] : results.missing)
        text += wrapped(bench + ": not compared: " + what);
    if (!results.notes.empty())
        text += "\n";
    for (const auto& [bench, note] : results.notes)
        text += wrapped(bench + ": " + note);
    return text;
}

std::string report_json(const Results& results, const Circumstances& circumstances) {
    using nlohmann::ordered_json;
    ordered_json document = {{"schema", "pkgjail.bench/2"},
                             {"date", circumstances.date},
                             {"machine", circumstances.machine},
                             {"load_before", circumstances.load_before},
                             {"load_after", circumstances.load_after},
                             {"settings", circumstances.settings}};
    ordered_json measured = ordered_json::array(), goals = ordered_json::array(),
                 ratios = ordered_json::array(), curves = ordered_json::array(),
                 missing = ordered_json::array(), notes = ordered_json::array();
    for (const Thing& thing : results.things) {
        const Spread found = spread(thing.samples);
        measured.push_back({{"bench", thing.bench},
                            {"what", thing.name},
                            {"unit", thing.unit},
                            {"median", found.median},
                            {"least", found.least},
                            {"greatest", found.greatest},
                            {"samples", thing.samples},
                            {"worked", thing.worked}});
    }
    for (const Goal& goal : results.goals) {
        const std::optional<Outcome> outcome = results.outcome(goal);
        ordered_json entry = {{"bench", goal.bench}, {"what", goal.thing}, {"goal", limit_of(results, goal)}};
        entry["of"] = goal.peer.empty() ? ordered_json() : ordered_json(goal.peer);
        entry["found"] = outcome ? ordered_json(outcome->found) : ordered_json();
        entry["reached"] = outcome ? ordered_json(outcome->reached) : ordered_json();
        goals.push_back(std::move(entry));
    }
    for (const auto& [bench, pair] : results.versus)
        if (const std::optional<Spread> ratio = results.ratio(bench, pair.first, pair.second))
            ratios.push_back({{"bench", bench},
                              {"what", pair.first},
                              {"over", pair.second},
                              {"median", ratio->median},
                              {"least", ratio->least},
                              {"greatest", ratio->greatest}});
    for (const auto& [curve, series] : results.curves)
        for (const auto& [name, points] : series)
            for (const auto& [x, samples] : points)
                curves.push_back(
                    {{"by", curve}, {"what", name}, {"x", x}, {"median", spread(samples).median}});
    for (const auto& [bench, what] : results.missing)
        missing.push_back({{"bench", bench}, {"what", what}});
    for (const auto& [bench, note] : results.notes)
        notes.push_back({{"bench", bench}, {"note", note}});
    document["measured"] = std::move(measured);
    document["goals"] = std::move(goals);
    document["ratios"] = std::move(ratios);
    document["curves"] = std::move(curves);
    document["not_compared"] = std::move(missing);
    document["notes"] = std::move(notes);
    return document.dump(1) + "\n";
}

} // namespace pkgjail::bench
