// Patterns of those who were chosen, found by a name without trying all of them.
#pragma once

#include <cstddef>
#include <map>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pkgjail/solve/pattern_table.hpp"

namespace pkgjail::solve {

/// A pattern matches only names that begin as it does, up to its first special character: it is kept under
/// that beginning, and a name is looked up under each of its own beginnings that is of such a length.
class PatternIndex {
  public:
    /// What was added last is removed first. The pattern stays where it is meanwhile.
    void add(const KnownPattern& pattern, std::size_t level);
    void remove(const KnownPattern& pattern);

    /// The lowest level with a pattern that `accepts(pattern, level)` of those that may match the name; 0:
    /// none.
    template <class Accepts>
    std::size_t lowest(std::string_view pkgname, const Accepts& accepts) const {
        std::size_t found = 0;
        for (const auto& [length, ignored] : lengths_) {
            if (length > pkgname.size())
                break;
            const auto same = entries_.find(pkgname.substr(0, length));
            if (same == entries_.end())
                continue;
            for (const Entry& entry : same->second) {
                if (found != 0 && entry.level >= found)
                    break; // they ascend
                if (accepts(*entry.pattern, entry.level))
                    found = entry.level;
            }
        }
        return found;
    }

  private:
    struct Entry {
        const KnownPattern* pattern;
        std::size_t level;
    };
    std::unordered_map<std::string_view, std::vector<Entry>> entries_;
    std::map<std::size_t, std::size_t> lengths_; ///< of the beginnings, and how many entries have each
};

} // namespace pkgjail::solve
