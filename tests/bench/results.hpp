// What benches printed, read into values; medians, ratios and goals of it. Lines, each after the name of its
// bench:
//
//     BENCH sample THING MS [MS]                 a measurement, in milliseconds: the time that passed, and
//     that in which
//                                                processors worked for it
//     BENCH value THING UNIT NUMBER              a measurement of something else
//     BENCH versus THING PEER                    their ratio is of interest
//     BENCH goal THING most LIMIT                its median is to be so much at most
//     BENCH goal THING most LIMIT times PEER     so many times the peer's
//     BENCH goal THING most LIMIT over PEER      so much more than the peer's
//     BENCH goal THING least LIMIT times PEER
//     BENCH point CURVE SERIES X NUMBER          one measurement of a growth curve
//     BENCH missing PEER WHY                     what could not be compared
//     BENCH note TEXT
#pragma once

#include <istream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pkgjail::bench {

/// The measurements of one thing, in the order in which they were made.
struct Thing {
    std::string bench;
    std::string name;
    std::string unit;
    std::vector<double> samples;
    std::vector<double> worked; ///< processors' time; empty where it is not known
};

struct Spread {
    double median = 0;
    double least = 0;
    double greatest = 0;
};

/// Of a list that is not empty.
Spread spread(std::vector<double> samples);

enum class GoalKind { most, most_times, most_over, least_times };

/// What is to be reached, as a bench said it.
struct Goal {
    std::string bench;
    std::string thing;
    std::string peer; ///< empty for GoalKind::most
    GoalKind kind = GoalKind::most;
    double limit = 0;
};

/// How it came out.
struct Outcome {
    double found = 0; ///< compared with the goal's limit
    bool reached = false;
};

struct Results {
    std::vector<Thing> things;
    std::vector<std::pair<std::string, std::pair<std::string, std::string>>> versus; ///< bench, thing, peer
    std::vector<Goal> goals;
    std::vector<std::pair<std::string, std::string>> missing; ///< bench; "PEER WHY"
    std::vector<std::pair<std::string, std::string>> notes;   ///< bench; text
    /// Curve, series, x: what was measured there.
    std::map<std::string, std::map<std::string, std::map<double, std::vector<double>>>> curves;

    const Thing* find(std::string_view bench, std::string_view name) const;
    /// Samples of a round lie next to each other in time, so the median of the rounds' own ratios is taken
    /// where both were measured equally often; otherwise the ratio of the medians. Nothing where one was not
    /// measured.
    std::optional<Spread> ratio(std::string_view bench, std::string_view thing, std::string_view peer) const;
    /// Nothing when what the goal speaks of was not measured.
    std::optional<Outcome> outcome(const Goal& goal) const;
};

/// Throws std::runtime_error, with the line, for one that is none of those above.
Results read_results(std::istream& input);

} // namespace pkgjail::bench
