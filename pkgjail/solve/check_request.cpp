#include "pkgjail/solve/check_request.hpp"

#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pkgjail/jail/suggest.hpp"

namespace pkgjail::solve {
namespace {

std::string base_string(const Present& present) {
    return std::string(base_of(present.package.pkgname));
}

/// Packages found by what a pattern selects.
class Selectable {
  public:
    void add(const Present& present) {
        all_.push_back(&present);
        by_base_[base_of(present.package.pkgname)].push_back(&present);
    }

    template <class Action>
    void each(const KnownPattern& pattern, const Action& action) const {
        const auto try_all = [&](const std::vector<const Present*>& packages) {
            for (const Present* present : packages)
                if (pattern.selects(present->package.pkgname))
                    action(*present);
        };
        if (!pattern.bases())
            return try_all(all_);
        for (const std::string& base : *pattern.bases())
            if (const auto found = by_base_.find(base); found != by_base_.end())
                try_all(found->second);
    }

  private:
    std::vector<const Present*> all_;
    std::unordered_map<std::string_view, std::vector<const Present*>> by_base_;
};

/// Without `remove_unneeded`, everything that is not removed stays; with it, what the explicit packages need.
std::vector<const Present*> staying(const Request& request, const std::set<std::string>& removed,
                                    PatternTable& patterns) {
    std::vector<const Present*> stay;
    Selectable others;
    for (const Present& present : request.present) {
        if (removed.contains(base_string(present)))
            continue;
        if (request.remove_unneeded && present.automatic && !present.held)
            others.add(present);
        else
            stay.push_back(&present);
    }
    std::unordered_set<const Present*> seen(stay.begin(), stay.end());
    for (std::size_t i = 0; i < stay.size(); ++i) {
        for (const std::string& text : stay[i]->package.depends)
            others.each(patterns.get(text), [&](const Present& other) {
                if (seen.insert(&other).second)
                    stay.push_back(&other);
            });
    }
    return stay;
}

/// Whether something that is to be installed may do instead of what goes.
bool may_be_replaced(const Request& request, const KnownPattern& pattern, PatternTable& patterns) {
    const auto bases = pattern.bases();
    if (!bases)
        return !request.install.empty();
    for (const std::string& text : request.install) {
        const auto wanted = patterns.get(text).bases();
        if (!wanted)
            return true;
        for (const std::string& base : *wanted)
            if (std::find(bases->begin(), bases->end(), base) != bases->end())
                return true;
    }
    return false;
}

/// Bases that begin with the word, those that only add a number first: "python" has python311, python312.
std::vector<std::string> beginning_with(const std::string& word, const std::vector<std::string>& bases) {
    constexpr std::size_t most = 5;
    std::vector<std::string> found;
    for (auto base = std::lower_bound(bases.begin(), bases.end(), word);
         base != bases.end() && base->starts_with(word); ++base)
        found.push_back(*base);
    std::stable_partition(found.begin(), found.end(), [&](const std::string& base) {
        return base.find_first_not_of("0123456789.", word.size()) == std::string::npos;
    });
    found.resize(std::min(found.size(), most));
    return found;
}

std::string suggestion(const std::string& word, const std::vector<std::string>& bases) {
    const std::vector<std::string> longer = beginning_with(word, bases);
    if (word.size() >= 3 && !longer.empty())
        return fmt::format("there is {}", jail::enumerate(longer));
    return jail::did_you_mean(word, bases);
}

} // namespace

std::set<std::string> find_removed(const Request& request, PatternTable& patterns, Refusal& refusal) {
    std::set<std::string> removed;
    std::vector<std::string> present_bases;
    for (const Present& present : request.present)
        present_bases.push_back(base_string(present));
    std::sort(present_bases.begin(), present_bases.end());
    for (const std::string& text : request.remove) {
        bool found = false;
        for (const Present& present : request.present) {
            if (base_string(present) != text && !patterns.get(text).selects(present.package.pkgname))
                continue;
            found = true;
            removed.insert(base_string(present));
            if (present.held)
                refusal.reasons.push_back(
                    {fmt::format("{} is held and cannot be removed", present.package.pkgname),
                     "release the hold first"});
        }
        if (!found) {
            refusal.not_found = true;
            refusal.reasons.push_back(
                {fmt::format("{} is not installed", text), jail::did_you_mean(text, present_bases)});
        }
    }
    for (const std::string& base : request.upgrade_only) {
        if (std::binary_search(present_bases.begin(), present_bases.end(), base))
            continue;
        refusal.not_found = true;
        refusal.reasons.push_back({fmt::format("{} is not installed, so it cannot be upgraded", base),
                                   jail::did_you_mean(base, present_bases)});
    }
    return removed;
}

void check_dependants(const Request& request, const std::set<std::string>& removed, PatternTable& patterns,
                      Refusal& refusal) {
    if (removed.empty())
        return;
    const std::vector<const Present*> stay = staying(request, removed, patterns);
    Selectable staying_packages, gone;
    for (const Present* present : stay)
        staying_packages.add(*present);
    for (const Present& present : request.present)
        if (removed.contains(base_string(present)))
            gone.add(present);

    // Who needs each pattern, and how many of those that stay it selects.
    struct Need {
        std::vector<const Present*> by;
        std::size_t satisfied = 0;
    };
    std::unordered_map<const KnownPattern*, Need> needs;
    std::unordered_map<const Present*, std::vector<Need*>> satisfies;
    std::vector<const KnownPattern*> lost;
    for (const Present* present : stay)
        for (const std::string& text : present->package.depends)
            needs[&patterns.get(text)].by.push_back(present);
    for (auto& [pattern, need] : needs) {
        staying_packages.each(*pattern, [&, place = &need](const Present& present) {
            ++place->satisfied;
            satisfies[&present].push_back(place);
        });
        if (may_be_replaced(request, *pattern, patterns))
            need.by.clear(); // it is not lost, whatever goes
        else if (need.satisfied == 0)
            lost.push_back(pattern);
    }
    std::map<std::string, std::vector<std::string>> needed_by; // removed pkgname: "app-1.0 (liba>=1.0)", …
    for (const KnownPattern* pattern : lost)
        gone.each(*pattern, [&](const Present& removed_one) {
            for (const Present* present : needs[pattern].by)
                needed_by[removed_one.package.pkgname].push_back(
                    fmt::format("{} ({})", present->package.pkgname, pattern->text()));
        });
    if (needed_by.empty())
        return;

    // What would have to go as well, to the end of the chain.
    std::set<std::string> dependants;
    std::vector<const Present*> going;
    const auto lose = [&](const Need& need) {
        for (const Present* present : need.by)
            if (dependants.insert(base_string(*present)).second)
                going.push_back(present);
    };
    for (const KnownPattern* pattern : lost)
        lose(needs[pattern]);
    while (!going.empty()) {
        const Present* present = going.back();
        going.pop_back();
        for (Need* need : satisfies[present])
            if (--need->satisfied == 0)
                lose(*need);
    }
    for (auto& [name, by] : needed_by) {
        std::sort(by.begin(), by.end());
        refusal.reasons.push_back(
            {fmt::format("{} cannot be removed: it is needed by {}", name, fmt::join(by, ", ")),
             fmt::format("remove these as well: {}", fmt::join(dependants, " "))});
    }
}

void check_wishes(const Request& request, Candidates& candidates, PatternTable& patterns, Refusal& refusal) {
    for (const std::string& text : request.install) {
        const KnownPattern& pattern = patterns.get(text);
        if (!pattern.fault().empty()) {
            refusal.reasons.push_back({fmt::format("{} is no pattern: {}", text, pattern.fault()), ""});
            continue;
        }
        if (!candidates.targets(pattern).empty())
            continue;
        // A base that is there in other versions, held or to be removed is the search's to explain, with the
        // versions.
        const std::vector<std::string> bases = pattern.bases().value_or(std::vector<std::string>());
        const bool known = std::any_of(bases.begin(), bases.end(), [&](const std::string& base) {
            return candidates.is_removed(base) || !candidates.of_base(base).empty();
        });
        if (known)
            continue;
        refusal.not_found = true;
        const std::string word = bases.empty() ? text : bases.front();
        std::string hint = suggestion(word, candidates.all_bases());
        if (hint.empty())
            hint = "pkgjail search finds packages by a word";
        refusal.reasons.push_back({fmt::format("no repository has a package {}", text), hint});
    }
}

} // namespace pkgjail::solve
