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
            if (const auto& bases = pattern.bases()) {
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

    // Tarjan's strongly connected components: packages that need each other are one component, and the
    // components come out with what is needed first. Without recursion: a chain of dependencies may be as
    // long as the list.
    constexpr std::size_t unseen = 0;
    struct Visit {
        std::size_t package;
        std::vector<std::size_t> needed;
        std::size_t next = 0;
    };
    std::vector<std::size_t> number(packages.size(), unseen); // order of discovery, from 1
    std::vector<std::size_t> lowest(packages.size(), 0);      // earliest one that is reached and still open
    std::vector<bool> open(packages.size(), false);
    std::vector<std::size_t> waiting, order; // waiting: finished, in order, component not yet complete
    std::size_t count = 0;
    for (const std::size_t start : by_name) {
        if (number[start] != unseen)
            continue;
        std::vector<Visit> path;
        const auto enter = [&](std::size_t package) {
            number[package] = lowest[package] = ++count;
            open[package] = true;
            path.push_back({package, needs(package)});
        };
        enter(start);
        while (!path.empty()) {
            Visit& visit = path.back();
            const std::size_t package = visit.package;
            if (visit.next < visit.needed.size()) {
                const std::size_t needed = visit.needed[visit.next++];
                if (number[needed] == unseen)
                    enter(needed);
                else if (open[needed])
                    lowest[package] = std::min(lowest[package], number[needed]);
                continue;
            }
            path.pop_back();
            if (!path.empty())
                lowest[path.back().package] = std::min(lowest[path.back().package], lowest[package]);
            waiting.push_back(package);
            if (lowest[package] != number[package])
                continue;
            // Everything discovered since this one belongs to it, in the order in which it was finished.
            const auto first = std::find_if(waiting.begin(), waiting.end(), [&](std::size_t other) {
                return number[other] >= number[package];
            });
            for (auto member = first; member != waiting.end(); ++member) {
                open[*member] = false;
                order.push_back(*member);
            }
            waiting.erase(first, waiting.end());
        }
    }
    return order;
}

} // namespace pkgjail::solve
