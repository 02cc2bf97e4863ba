#include "pkgjail/solve/make_plan.hpp"

#include <algorithm>
#include <set>
#include <unordered_map>

#include <fmt/format.h>

#include "pkgjail/format/version.hpp"
#include "pkgjail/solve/dependency_order.hpp"

namespace pkgjail::solve {
namespace {

class PlanMaker {
  public:
    PlanMaker(const Request& request, Search& search, Candidates& candidates, PatternTable& patterns)
        : request_(request), search_(search), candidates_(candidates), patterns_(patterns) {
        for (const Decision& decision : search.decisions())
            decision_of_[decision.candidate->base] = &decision;
    }

    Plan make() {
        mark();
        Plan plan;
        add_removals(plan);
        std::vector<const Offer*> offers;
        for (const Decision& decision : search_.decisions())
            offers.push_back(decision.candidate->offer);
        for (const std::size_t i : dependency_order(offers, patterns_))
            add_member(plan, *search_.decisions()[i].candidate);
        return plan;
    }

  private:
    /// Explicit is what the request names, what was explicit, and what takes the place of something explicit.
    void mark() {
        std::set<const KnownPattern*> decided;
        for (const Decision& decision : search_.decisions()) {
            if (decision.why.level != 0 || decision.why.pattern == nullptr)
                continue;
            decided.insert(decision.why.pattern);
            requested_.insert(decision.candidate->base);
        }
        // Wishes that something satisfies which was chosen for another reason.
        for (const std::string& text : request_.install)
            if (const KnownPattern& pattern = patterns_.get(text); !decided.contains(&pattern))
                if (const Candidate* candidate = search_.satisfying(pattern))
                    requested_.insert(candidate->base);
        explicit_ = requested_;
        for (const Present& present : request_.present) {
            const std::string base(base_of(present.package.pkgname));
            if (present.automatic || candidates_.is_removed(base))
                continue;
            if (search_.chosen(base) != nullptr)
                explicit_.insert(base);
            else if (const Candidate* successor = search_.superseding(present))
                explicit_.insert(successor->base);
        }
    }

    void add_removals(Plan& plan) {
        std::vector<const Present*> gone;
        std::vector<const Offer*> offers;
        for (const Present& present : request_.present) {
            if (search_.chosen(std::string(base_of(present.package.pkgname))) == nullptr) {
                gone.push_back(&present);
                offers.push_back(&present.package);
            }
        }
        std::vector<std::size_t> order = dependency_order(offers, patterns_);
        std::reverse(order.begin(), order.end());
        for (const std::size_t i : order) {
            const std::string& pkgname = gone[i]->package.pkgname;
            std::string reason = "no longer needed";
            if (candidates_.is_removed(std::string(base_of(pkgname))))
                reason = "requested";
            else if (const Candidate* successor = search_.superseding(*gone[i]))
                reason = "superseded by " + successor->pkgname();
            plan.steps.push_back({StepKind::remove, pkgname, pkgname, reason});
        }
    }

    void add_member(Plan& plan, const Candidate& candidate) {
        const bool automatic = !explicit_.contains(candidate.base);
        plan.result.push_back({*candidate.offer, automatic, candidate.is_present});
        const Present* before = candidates_.present(candidate.base);
        if (before == nullptr) {
            plan.steps.push_back({StepKind::install, candidate.pkgname(), "", why_installed(candidate)});
        } else if (!candidate.is_present) {
            const StepKind kind = change(before->package.pkgname, candidate.pkgname());
            plan.steps.push_back(
                {kind, candidate.pkgname(), before->package.pkgname, why_changed(candidate, *before, kind)});
        } else if (before->automatic && !automatic) {
            plan.steps.push_back(
                {StepKind::keep, candidate.pkgname(), candidate.pkgname(), why_explicit(candidate)});
        }
    }

    static StepKind change(const std::string& from, const std::string& to) {
        if (from == to)
            return StepKind::refresh;
        // Equal versions of different spelling, 1.0 and 1: neither is newer, and it is no downgrade.
        return format::compare_versions(version_of(to), version_of(from)) < 0 ? StepKind::downgrade
                                                                              : StepKind::upgrade;
    }

    const Present* superseded_by(const Candidate& candidate) {
        if (candidate.supersedes.empty())
            return nullptr;
        for (const Present& present : request_.present) {
            const std::string base(base_of(present.package.pkgname));
            if (search_.chosen(base) == nullptr && !candidates_.is_removed(base) && base != candidate.base &&
                candidate.supersedes_package(present.package.pkgname))
                return &present;
        }
        return nullptr;
    }

    std::string why_installed(const Candidate& candidate) {
        if (requested_.contains(candidate.base))
            return "requested";
        if (const Present* old = superseded_by(candidate))
            return "supersedes " + old->package.pkgname;
        const Requirement& why = decision_of_.at(candidate.base)->why;
        if (why.keep != nullptr) // which something else needs, and so stays beside it
            return "supersedes " + why.keep->package.pkgname;
        return "needed by " + search_.decisions()[why.level - 1].candidate->pkgname();
    }

    std::string why_changed(const Candidate& candidate, const Present& before, StepKind kind) {
        // Somebody whom the present version does not satisfy comes first: that is why, upgrade or not.
        for (const Requirement& requirement : search_.asked_of(candidate.base)) {
            if (requirement.pattern->selects(before.package.pkgname))
                continue;
            if (requirement.level == 0)
                return "requested";
            return "needed by " + search_.decisions()[requirement.level - 1].candidate->pkgname();
        }
        if (candidates_.is_upgraded(candidate.base) && kind == StepKind::refresh)
            return "another build";
        if (candidates_.is_upgraded(candidate.base) && kind == StepKind::upgrade)
            return "newer version";
        return "so that the others fit";
    }

    std::string why_explicit(const Candidate& candidate) {
        if (requested_.contains(candidate.base))
            return "requested, was automatic";
        const Present* old = superseded_by(candidate);
        return old != nullptr ? "supersedes " + old->package.pkgname : "wanted for itself";
    }

    const Request& request_;
    Search& search_;
    Candidates& candidates_;
    PatternTable& patterns_;
    std::unordered_map<std::string, const Decision*> decision_of_;
    std::set<std::string> explicit_;
    std::set<std::string> requested_;
};

} // namespace

Plan make_plan(const Request& request, Search& search, Candidates& candidates, PatternTable& patterns) {
    return PlanMaker(request, search, candidates, patterns).make();
}

} // namespace pkgjail::solve
