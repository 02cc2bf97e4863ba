#include "pkgjail/solve/pattern_index.hpp"

namespace pkgjail::solve {

void PatternIndex::add(const KnownPattern& pattern, std::size_t level) {
    entries_[pattern.beginning()].push_back({&pattern, level});
    ++lengths_[pattern.beginning().size()];
}

void PatternIndex::remove(const KnownPattern& pattern) {
    // A beginning that nobody has any more stays, empty: its text is one of the table's patterns, which stay.
    entries_[pattern.beginning()].pop_back();
    if (const auto length = lengths_.find(pattern.beginning().size()); --length->second == 0)
        lengths_.erase(length);
}

} // namespace pkgjail::solve
