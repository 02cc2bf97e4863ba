#include "pkgjail/solve/dependency_order.hpp"

#include <algorithm>
#include <numeric>
#include <string>
#include <unordered_map>
#include <utility>

namespace pkgjail::solve {

std::vector<std::size_t> dependency_order(const std::vector<const Offer*>& packages, PatternTable& patterns) {
    std::vector<std::size_t> by_name(packages.size());
    std::iota(by_name.begin(), by_name.end(), std::size_t{0});
    std::sort(by_name.begin(), by_name.end(),
              [&](std::size_t a, std::size_t b) { return packages[a]->pkgname < packages[b]->pkgname; });
    std::unordered_map<std::string, std::vector<std::size_t>> of_base;
    for (const std::size_t i : by_name)
        of_base[std::string(base_of(packages[i]->pkgname))].push_back(i);

    const auto needs = [&](std::size_t of) {
        std::vector<std::size_t> found;
        for (const std::string& text : packages[of]->depends) {
            const KnownPattern& pattern = patterns.get(text);
            const auto take = [&](const std::vector<std::size_t>& candidates) {
                for (const std::size_t i : candidates)
                    if (i != of && pattern.selects(packages[i]->pkgname))
                        found.push_back(i);
            };
            if (const auto bases = pattern.bases()) {
                for (const std::string& base : *bases)
                    if (const auto there = of_base.find(base); there != of_base.end())
                        take(there->second);
            } else {
                take(by_name);
            }
        }
        std::sort(found.begin(), found.end(),
                  [&](std::size_t a, std::size_t b) { return packages[a]->pkgname < packages[b]->pkgname; });
        found.erase(std::unique(found.begin(), found.end()), found.end());
        return found;
    };

    // Depth first, without recursion: a chain of dependencies may be as long as the list.
    struct Visit {
        std::size_t package;
        std::vector<std::size_t> needed;
        std::size_t next = 0;
    };
    std::vector<std::size_t> order;
    std::vector<bool> seen(packages.size(), false);
    for (const std::size_t start : by_name) {
        if (seen[start])
            continue;
        std::vector<Visit> path;
        seen[start] = true;
        path.push_back({start, needs(start)});
        while (!path.empty()) {
            Visit& visit = path.back();
            if (visit.next == visit.needed.size()) {
                order.push_back(visit.package);
                path.pop_back();
                continue;
            }
            const std::size_t needed = visit.needed[visit.next++];
            if (seen[needed])
                continue; // before it already, or on the path: then this is a cycle, broken here
            seen[needed] = true;
            path.push_back({needed, needs(needed)});
        }
    }
    return order;
}

} // namespace pkgjail::solve
