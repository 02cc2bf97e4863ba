#include "bench/results.hpp"

#include <algorithm>
#include <sstream>
#include <stdexcept>

namespace pkgjail::bench {
namespace {

double number(std::istringstream& words) {
    double value = 0;
    if (!(words >> value))
        throw std::runtime_error("a number is missing");
    return value;
}

std::string word(std::istringstream& words) {
    std::string value;
    if (!(words >> value))
        throw std::runtime_error("a word is missing");
    return value;
}

std::string rest(std::istringstream& words) {
    std::string text;
    std::getline(words >> std::ws, text);
    return text;
}

void add_sample(Results& results, const std::string& bench, const std::string& name, const std::string& unit,
                double sample, std::optional<double> worked = std::nullopt) {
    for (Thing& thing : results.things) {
        if (thing.bench != bench || thing.name != name)
            continue;
        if (thing.unit != unit)
            throw std::runtime_error(name + " has two units, " + thing.unit + " and " + unit);
        thing.samples.push_back(sample);
        if (worked)
            thing.worked.push_back(*worked);
        return;
    }
    results.things.push_back({bench, name, unit, {sample}, {}});
    if (worked)
        results.things.back().worked.push_back(*worked);
}

Goal read_goal(const std::string& bench, std::istringstream& words) {
    Goal goal;
    goal.bench = bench;
    goal.thing = word(words);
    const std::string bound = word(words);
    goal.limit = number(words);
    std::string relation;
    words >> relation;
    if (!relation.empty())
        goal.peer = word(words);
    if (bound == "most" && relation.empty())
        goal.kind = GoalKind::most;
    else if (bound == "most" && relation == "times")
        goal.kind = GoalKind::most_times;
    else if (bound == "most" && relation == "over")
        goal.kind = GoalKind::most_over;
    else if (bound == "least" && relation == "times")
        goal.kind = GoalKind::least_times;
    else
        throw std::runtime_error("a goal is most LIMIT [times|over PEER] or least LIMIT times PEER");
    return goal;
}

void read_line(Results& results, const std::string& line) {
    std::istringstream words(line);
    const std::string bench = word(words), what = word(words);
    if (what == "sample") {
        const std::string name = word(words);
        const double passed = number(words);
        double worked = 0;
        if (words >> worked)
            add_sample(results, bench, name, "ms", passed, worked);
        else
            add_sample(results, bench, name, "ms", passed);
    } else if (what == "value") {
        const std::string name = word(words), unit = word(words);
        add_sample(results, bench, name, unit, number(words));
    } else if (what == "versus") {
        const std::string thing = word(words), peer = word(words);
        results.versus.push_back({bench, {thing, peer}});
    } else if (what == "goal") {
        results.goals.push_back(read_goal(bench, words));
    } else if (what == "point") {
        const std::string curve = word(words), series = word(words);
        const double x = number(words);
        results.curves[curve][series][x].push_back(number(words));
    } else if (what == "missing") {
        results.missing.emplace_back(bench, rest(words));
    } else if (what == "note") {
        results.notes.emplace_back(bench, rest(words));
    } else {
        throw std::runtime_error("\"" + what + "\" is no word of a bench");
    }
}

} // namespace

Spread spread(std::vector<double> samples) {
    std::sort(samples.begin(), samples.end());
    const std::size_t half = samples.size() / 2;
    const double median = samples.size() % 2 == 1 ? samples[half] : (samples[half - 1] + samples[half]) / 2;
    return {median, samples.front(), samples.back()};
}

const Thing* Results::find(std::string_view bench, std::string_view name) const {
    for (const Thing& thing : things)
        if (thing.bench == bench && thing.name == name)
            return &thing;
    return nullptr;
}

std::optional<Spread> Results::ratio(std::string_view bench, std::string_view thing,
                                     std::string_view peer) const {
    const Thing* ours = find(bench, thing);
    const Thing* theirs = find(bench, peer);
    if (ours == nullptr || theirs == nullptr)
        return std::nullopt;
    if (std::any_of(theirs->samples.begin(), theirs->samples.end(),
                    [](double sample) { return sample <= 0; }))
        return std::nullopt;
    if (ours->samples.size() != theirs->samples.size()) {
        const double all = spread(ours->samples).median / spread(theirs->samples).median;
        return Spread{all, all, all};
    }
    std::vector<double> ratios;
    for (std::size_t round = 0; round < ours->samples.size(); ++round)
        ratios.push_back(ours->samples[round] / theirs->samples[round]);
    return spread(std::move(ratios));
}

std::optional<Outcome> Results::outcome(const Goal& goal) const {
    const Thing* ours = find(goal.bench, goal.thing);
    if (ours == nullptr)
        return std::nullopt;
    if (goal.kind == GoalKind::most || goal.kind == GoalKind::most_over) {
        double found = spread(ours->samples).median;
        if (goal.kind == GoalKind::most_over) {
            const Thing* theirs = find(goal.bench, goal.peer);
            if (theirs == nullptr)
                return std::nullopt;
            found -= spread(theirs->samples).median;
        }
        return Outcome{found, found <= goal.limit};
    }
    const std::optional<Spread> times = ratio(goal.bench, goal.thing, goal.peer);
    if (!times)
        return std::nullopt;
    const double found = times->median;
    return Outcome{found, goal.kind == GoalKind::most_times ? found <= goal.limit : found >= goal.limit};
}

Results read_results(std::istream& input) {
    Results results;
    std::string line;
    while (std::getline(input, line)) {
        try {
            read_line(results, line);
        } catch (const std::runtime_error& error) {
            throw std::runtime_error("\"" + line + "\": " + error.what());
        }
    }
    return results;
}

} // namespace pkgjail::bench
