#include "pkgjail/solve/search.hpp"

#include <algorithm>

namespace pkgjail::solve {
namespace {

/// Thrown through the recursion when the steps are used up; caught in run().
struct GivenUp {};

bool conflicts(const Candidate& a, const Candidate& b) {
    return std::any_of(a.conflicts.begin(), a.conflicts.end(),
                       [&](const KnownPattern* pattern) { return pattern->matches(b.pkgname()); });
}

} // namespace

Search::Search(const Request& request, Candidates& candidates, PatternTable& patterns)
    : request_(request), candidates_(candidates), patterns_(patterns) {}

Search::Outcome Search::run(bool explain) {
    explain_ = explain;
    steps_ = 0;
    decisions_.clear();
    level_of_base_.clear();
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
    const bool choice = candidates_.targets(pattern).size() > 1;
    (choice ? choice_ : single_).push_back({&pattern, nullptr, level});
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
    for (const Decision& decision : decisions_)
        if (decision.candidate->base != base_of(present.package.pkgname) &&
            decision.candidate->supersedes_package(present.package.pkgname))
            return decision.candidate;
    return nullptr;
}

std::vector<Requirement> Search::asked_of(const std::string& base) {
    std::vector<Requirement> asked;
    for (const Requirement& requirement : single_)
        if (const auto& targets = candidates_.targets(*requirement.pattern);
            !targets.empty() && targets[0] == base)
            asked.push_back(requirement);
    return asked;
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
    for (std::size_t i = places.single; i < single_.size(); ++i) {
        const Requirement& other = single_[i];
        const auto& targets = candidates_.targets(*other.pattern);
        if (!targets.empty() && targets[0] == candidate.base &&
            !other.pattern->selects(candidate.pkgname())) {
            blame.insert(other.level);
            if (explain_)
                tell_clash(candidate.base);
            return false;
        }
    }
    for (std::size_t i = 0; i < decisions_.size(); ++i) {
        const Candidate& other = *decisions_[i].candidate;
        if (conflicts(candidate, other) || conflicts(other, candidate)) {
            blame.insert(i + 1);
            if (explain_)
                tell_conflict(candidate, why, decisions_[i]);
            return false;
        }
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
        decisions_.push_back({candidate, open});
        const std::size_t level = decisions_.size();
        level_of_base_[candidate->base] = level;
        for (const KnownPattern* pattern : candidate->depends)
            require(*pattern, level);

        if (go_on(places))
            return true;

        decisions_.pop_back();
        level_of_base_.erase(candidate->base);
        single_.resize(singles);
        choice_.resize(choices);
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
