#include "pkgjail/jail/suggest.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pkgjail/base/printable.hpp"

namespace pkgjail::jail {

std::string enumerate(const std::vector<std::string>& words) {
    return words.empty() ? "nothing" : fmt::format("{}", fmt::join(words, ", "));
}

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates) {
    if (word.size() > 64)
        return std::nullopt;
    const std::size_t tolerance = word.size() <= 6 ? 1 : word.size() <= 9 ? 2 : 3;
    std::optional<std::string> best;
    std::size_t best_distance = tolerance + 1;
    for (const std::string& candidate : candidates) {
        const std::size_t distance = base::edit_distance(word, candidate);
        if (distance < best_distance) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
    const std::optional<std::string> best = nearest(word, candidates);
    return best ? fmt::format("did you mean \"{}\"?", *best) : std::string();
}

} // namespace pkgjail::jail
