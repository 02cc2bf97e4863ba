#include "pkgjail/solve/search.hpp"

#include <algorithm>

namespace pkgjail::solve {
namespace {

/// Thrown through the recursion when the steps are used up; caught in run().
struct GivenUp {};

} // namespace

Search::Search(const Request& request, Candidates& candidates, PatternTable& patterns)
    : request_(request), candidates_(candidates), patterns_(patterns) {}

Search::Outcome Search::run(bool explain) {
    explain_ = explain;
    steps_ = 0;
    decisions_.clear();
    level_of_base_.clear();
    level_of_name_.clear();
    conflicts_ = {};
    supersedes_ = {};
    singles_of_.clear();
    single_.clear();
    choice_.clear();
    keep_.clear();

    for (const std::string& text : request_.install)
        require(patterns_.get(text), 0);
    std::vector<const Present*> kept;
    for (const Present& present : request_.present) {
        const bool needless = request_.remove_unneeded && present.automatic && !present.held;
        if (!needless && !candidates_.is_removed(std::string(base_of(present.package.pkgname))))
            kept.push_back(&present);
    }
    std::sort(kept.begin(), kept.end(),
              [](const Present* a, const Present* b) { return a->package.pkgname < b->package.pkgname; });
    for (const Present* present : kept)
        keep_.push_back({nullptr, present, 0});

    try {
        return go_on({}) ? Outcome::solved : Outcome::impossible;
    } catch (const GivenUp&) {
        return Outcome::given_up;
    }
}

void Search::require(const KnownPattern& pattern, std::size_t level) {
    const std::vector<std::string>& targets = candidates_.targets(pattern);
    if (targets.size() == 1)
        singles_of_[targets.front()].push_back(single_.size());
    (targets.size() > 1 ? choice_ : single_).push_back({&pattern, nullptr, level});
}

void Search::choose(const Candidate& candidate, const Requirement& why) {
    decisions_.push_back({&candidate, why});
    const std::size_t level = decisions_.size();
    level_of_base_[candidate.base] = level;
    level_of_name_[candidate.pkgname()] = level;
    for (const KnownPattern* pattern : candidate.conflicts)
        conflicts_.add(*pattern, level);
    for (const KnownPattern* pattern : candidate.supersedes)
        supersedes_.add(*pattern, level);
    for (const KnownPattern* pattern : candidate.depends)
        require(*pattern, level);
}

void Search::take_back(std::size_t singles, std::size_t choices) {
    const Candidate& candidate = *decisions_.back().candidate;
    for (; single_.size() > singles; single_.pop_back())
        if (const auto& targets = candidates_.targets(*single_.back().pattern); !targets.empty())
            singles_of_[targets.front()].pop_back();
    choice_.resize(choices);
    for (auto pattern = candidate.supersedes.rbegin(); pattern != candidate.supersedes.rend(); ++pattern)
        supersedes_.remove(**pattern);
    for (auto pattern = candidate.conflicts.rbegin(); pattern != candidate.conflicts.rend(); ++pattern)
        conflicts_.remove(**pattern);
    level_of_name_.erase(candidate.pkgname());
    level_of_base_.erase(candidate.base);
    decisions_.pop_back();
}

const Candidate* Search::chosen(const std::string& base) const {
    const auto found = level_of_base_.find(base);
    return found != level_of_base_.end() ? decisions_[found->second - 1].candidate : nullptr;
}

const Candidate* Search::satisfying(const KnownPattern& pattern) {
    for (const std::string& base : candidates_.targets(pattern))
        if (const Candidate* candidate = chosen(base);
            candidate != nullptr && pattern.selects(candidate->pkgname()))
            return candidate;
    return nullptr;
}

const Candidate* Search::superseding(const Present& present) const {
    if (present.held)
        return nullptr;
    const std::string& pkgname = present.package.pkgname;
    const std::size_t level = supersedes_.lowest(pkgname, [&](const KnownPattern& pattern, std::size_t by) {
        return decisions_[by - 1].candidate->base != base_of(pkgname) && pattern.selects(pkgname);
    });
    return level != 0 ? decisions_[level - 1].candidate : nullptr;
}

const std::vector<std::size_t>& Search::singles_of(const std::string& base) const {
    static const std::vector<std::size_t> none;
    const auto found = singles_of_.find(base);
    return found != singles_of_.end() ? found->second : none;
}

std::vector<Requirement> Search::asked_of(const std::string& base) {
    std::vector<Requirement> asked;
    for (const std::size_t place : singles_of(base))
        asked.push_back(single_[place]);
    return asked;
}

std::size_t Search::conflicting(const Candidate& candidate) const {
    std::size_t found = conflicts_.lowest(candidate.pkgname(), [&](const KnownPattern& pattern, std::size_t) {
        return pattern.matches(candidate.pkgname());
    });
    for (const KnownPattern* pattern : candidate.conflicts)
        for (auto other = level_of_name_.lower_bound(pattern->beginning());
             other != level_of_name_.end() && other->first.starts_with(pattern->beginning()); ++other)
            if ((found == 0 || other->second < found) && pattern->matches(other->first))
                found = other->second;
    return found;
}

bool Search::next_open(Places& places, Requirement& open) {
    for (; places.single < single_.size(); ++places.single) {
        if (satisfying(*single_[places.single].pattern) == nullptr) {
            open = single_[places.single++];
            return true;
        }
    }
    for (; places.choice < choice_.size(); ++places.choice) {
        if (satisfying(*choice_[places.choice].pattern) == nullptr) {
            open = choice_[places.choice++];
            return true;
        }
    }
    for (; places.keep < keep_.size(); ++places.keep) {
        const Present& present = *keep_[places.keep].keep;
        if (chosen(std::string(base_of(present.package.pkgname))) == nullptr &&
            superseding(present) == nullptr) {
            open = keep_[places.keep++];
            return true;
        }
    }
    return false;
}

std::vector<const Candidate*> Search::options(const Requirement& open) {
    if (open.pattern == nullptr)
        return candidates_.replacements(*open.keep);
    std::vector<const Candidate*> result;
    for (const std::string& base : candidates_.targets(*open.pattern))
        for (const Candidate& candidate : candidates_.of_base(base))
            if (open.pattern->selects(candidate.pkgname()))
                result.push_back(&candidate);
    return result;
}

bool Search::fits(const Candidate& candidate, const Requirement& why, const Places& places, Levels& blame) {
    if (candidate.fault != nullptr) {
        if (explain_)
            tell_fault(candidate, why);
        return false;
    }
    // Needs what nobody has: known at once, long before the search would come to it.
    for (const KnownPattern* pattern : candidate.depends) {
        if (candidates_.targets(*pattern).empty()) {
            if (explain_)
                tell_missing(*pattern, &candidate, why);
            return false;
        }
    }
    // Another version of the base is chosen already, or this very one, which then does not satisfy.
    if (const auto same = level_of_base_.find(candidate.base); same != level_of_base_.end()) {
        blame.insert(same->second);
        if (explain_)
            tell_clash(candidate.base);
        return false;
    }
    // What is still open and only this base can satisfy must be satisfied by this candidate.
    for (const std::size_t place : singles_of(candidate.base)) {
        const Requirement& other = single_[place];
        if (place >= places.single && !other.pattern->selects(candidate.pkgname())) {
            blame.insert(other.level);
            if (explain_)
                tell_clash(candidate.base);
            return false;
        }
    }
    if (const std::size_t level = conflicting(candidate); level != 0) {
        blame.insert(level);
        if (explain_)
            tell_conflict(candidate, why, decisions_[level - 1]);
        return false;
    }
    return true;
}

bool Search::go_on(Places places) {
    Requirement open;
    if (!next_open(places, open))
        return true;
    const std::vector<const Candidate*> tried = options(open);
    Levels blame = {open.level};
    if (tried.empty() && explain_ && open.pattern != nullptr)
        tell_missing(*open.pattern, nullptr, open);

    for (const Candidate* candidate : tried) {
        if (++steps_ > request_.max_steps)
            throw GivenUp();
        if (!fits(*candidate, open, places, blame))
            continue;
        const std::size_t singles = single_.size();
        const std::size_t choices = choice_.size();
        choose(*candidate, open);
        const std::size_t level = decisions_.size();

        if (go_on(places))
            return true;

        take_back(singles, choices);
        // Whatever is chosen here, what blame_ names stays impossible.
        if (blame_.erase(level) == 0)
            return false;
        blame.insert(blame_.begin(), blame_.end());
    }
    blame.erase(0);
    blame_ = std::move(blame);
    return false;
}

} // namespace pkgjail::solve
