// What could be there afterwards: for each base its candidates, the one to be tried first in front.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "pkgjail/solve/pattern_table.hpp"
#include "pkgjail/solve/solver.hpp"

namespace pkgjail::solve {

/// One version of a base: an offer, or the package as it is present.
struct Candidate {
    const Offer* offer = nullptr;
    std::string base;
    bool is_present = false; ///< the present one, unchanged
    std::vector<const KnownPattern*> depends;
    std::vector<const KnownPattern*> conflicts;
    std::vector<const KnownPattern*> supersedes;
    const KnownPattern* fault = nullptr; ///< one of these that is no pattern; such a candidate is never taken

    const std::string& pkgname() const { return offer->pkgname; }
    bool supersedes_package(const std::string& pkgname) const;
};

/// Everything that the search may choose from, found when it is asked for. What is returned stays where it
/// is.
class Candidates {
  public:
    /// `removed`: bases that must not be there afterwards.
    Candidates(const Request& request, Universe& universe, PatternTable& patterns,
               std::set<std::string> removed);

    /// Best first. Empty for a removed base; the present one alone for a held one.
    const std::vector<Candidate>& of_base(const std::string& base);
    /// Bases that have a candidate which the pattern selects; those of present packages first, then by their
    /// best candidate.
    const std::vector<std::string>& targets(const KnownPattern& pattern);
    /// What may take the place of a present package, in the order of trying: versions of its own base and
    /// what supersedes it.
    std::vector<const Candidate*> replacements(const Present& present);

    const Present* present(const std::string& base) const;
    bool is_removed(const std::string& base) const { return removed_.contains(base); }
    bool is_upgraded(const std::string& base) const;
    /// Every base on offer or present, sorted.
    const std::vector<std::string>& all_bases();
    /// Whether `a` is tried before `b`; of different bases.
    static bool better(const Candidate& a, const Candidate& b);

  private:
    Candidate make(const Offer& offer, bool is_present);
    std::vector<Candidate> collect(const std::string& base);
    std::vector<const Candidate*> superseders(const Present& present);

    const Request& request_;
    Universe& universe_;
    PatternTable& patterns_;
    std::set<std::string> removed_;
    std::map<std::string, const Present*> present_;
    std::unordered_map<std::string, std::vector<Candidate>> by_base_;
    std::unordered_map<const KnownPattern*, std::vector<std::string>> targets_;
    std::vector<std::string> all_bases_;
};

} // namespace pkgjail::solve
