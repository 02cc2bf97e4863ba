#include "inputs/expected.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "support/catch.hpp"

namespace pkgjail::test {

namespace {

std::multiset<std::string> lines_of(const std::string& text) {
    std::multiset<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);)
        lines.insert(line);
    return lines;
}

} // namespace

void Expected::saw(const std::string& place, const std::string& value, const std::string& outcome) {
    if (!outcomes_.contains(place))
        places_.push_back(place);
    outcomes_[place][outcome].push_back(value);
}

std::string Expected::text() const {
    std::string all;
    for (const std::string& place : places_) {
        const auto& outcomes = outcomes_.at(place);
        const auto commonest =
            std::max_element(outcomes.begin(), outcomes.end(),
                             [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
        all += place + ": " + commonest->first;
        for (const auto& [outcome, values] : outcomes)
            if (outcome != commonest->first)
                all += fmt::format("; {}: {}", outcome, fmt::join(values, ", "));
        all += "\n";
    }
    return all;
}

void Expected::compare() const {
    const std::filesystem::path file = std::filesystem::path(PKGJAIL_TEST_DATA) / "inputs" / file_;
    const std::string actual = text();
    if (std::getenv("PKGJAIL_RENEW") != nullptr) {
        std::ofstream(file) << actual;
        return;
    }
    std::ifstream in(file);
    const std::string expected((std::istreambuf_iterator<char>(in)), {});
    INFO("PKGJAIL_RENEW=1 writes " << file << "; then judge the difference");
    CHECK(difference(expected, actual) == "");
}

std::string difference(const std::string& before, const std::string& after) {
    const auto old_lines = lines_of(before);
    const auto new_lines = lines_of(after);
    std::string text;
    int told = 0;
    for (const std::string& line : old_lines)
        if (!new_lines.contains(line) && told++ < 40)
            text += "- " + line + "\n";
    for (const std::string& line : new_lines)
        if (!old_lines.contains(line) && told++ < 40)
            text += "+ " + line + "\n";
    return text;
}

} // namespace pkgjail::test
