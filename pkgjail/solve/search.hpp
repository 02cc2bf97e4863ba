// Finding a set of packages that satisfies every requirement: decision by decision, and back to the decision
// that is to blame.
//
// A requirement is a pattern that some package or the request has, or "this present package stays, or
// something that supersedes it". The first requirement that nothing chosen satisfies is taken up (those that
// name one base before those with a choice of bases, present packages last) and its candidates are tried in
// order; a chosen candidate adds its own requirements. When none is left, the decisions that ruled the
// candidates out are known, and the search goes back to the latest of them at once, since nothing decided in
// between can help (conflict-directed backjumping).
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pkgjail/solve/candidates.hpp"
#include "pkgjail/solve/pattern_index.hpp"

namespace pkgjail::solve {

struct Requirement {
    const KnownPattern* pattern = nullptr; ///< null: `keep` stays or is superseded
    const Present* keep = nullptr;
    std::size_t level =
        0; ///< the decision that brought it, counted from 1; 0: the request or the jail as it is
};

struct Decision {
    const Candidate* candidate = nullptr;
    Requirement why;
};

class Search {
  public:
    enum class Outcome { solved, impossible, given_up };

    Search(const Request& request, Candidates& candidates, PatternTable& patterns);
    /// `explain`: collect reasons; the same way is gone, more slowly.
    Outcome run(bool explain);

    /// In the order in which they were made.
    const std::vector<Decision>& decisions() const { return decisions_; }
    /// The chosen candidate of a base; null: none.
    const Candidate* chosen(const std::string& base) const;
    /// A chosen candidate that satisfies the pattern, or takes the place of the present package; null: none.
    const Candidate* satisfying(const KnownPattern& pattern);
    const Candidate* superseding(const Present& present) const;
    /// What each decision and the request ask of a base: all patterns that only it can satisfy.
    std::vector<Requirement> asked_of(const std::string& base);
    /// Why it is impossible, most wanted candidates first, each once.
    const std::vector<Refusal::Reason>& reasons() const { return reasons_; }

  private:
    using Levels = std::set<std::size_t>;
    struct Places {
        std::size_t single = 0, choice = 0, keep = 0; ///< first requirement of each kind that may be open
    };

    void require(const KnownPattern& pattern, std::size_t level);
    void choose(const Candidate& candidate, const Requirement& why);
    /// The last decision; of the requirements, those that there were before it stay.
    void take_back(std::size_t singles, std::size_t choices);
    /// Open requirements of the kind `single` that only this base can satisfy.
    const std::vector<std::size_t>& singles_of(const std::string& base) const;
    /// The first decision that is in conflict with the candidate; 0: none.
    std::size_t conflicting(const Candidate& candidate) const;
    bool next_open(Places& places, Requirement& open);
    std::vector<const Candidate*> options(const Requirement& open);
    bool fits(const Candidate& candidate, const Requirement& why, const Places& places, Levels& blame);
    /// On false, blame_ has the decisions that together are impossible.
    bool go_on(Places places);

    std::string chain(const std::string& pkgname, const Requirement& why) const;
    std::string wish(const Requirement& requirement) const;
    void tell(const std::string& key, std::string text, std::string hint);
    void tell_missing(const KnownPattern& pattern, const Candidate* who, const Requirement& why);
    void tell_clash(const std::string& base);
    void tell_conflict(const Candidate& candidate, const Requirement& why, const Decision& other);
    void tell_fault(const Candidate& candidate, const Requirement& why);

    const Request& request_;
    Candidates& candidates_;
    PatternTable& patterns_;
    std::vector<Decision> decisions_;
    // Everything below that is found by a name is here so that no decision looks at all of the others.
    std::unordered_map<std::string, std::size_t> level_of_base_;
    std::map<std::string_view, std::size_t> level_of_name_;
    PatternIndex conflicts_, supersedes_; ///< of the chosen candidates
    std::vector<Requirement> single_, choice_, keep_;
    std::unordered_map<std::string, std::vector<std::size_t>> singles_of_; ///< places in single_, ascending
    Levels blame_;
    std::size_t steps_ = 0;
    bool explain_ = false;
    std::set<std::string> told_;
    std::vector<Refusal::Reason> reasons_;
};

} // namespace pkgjail::solve
