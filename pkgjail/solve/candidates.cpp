#include "pkgjail/solve/candidates.hpp"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "pkgjail/format/version.hpp"

namespace pkgjail::solve {
namespace {

/// Newer first; of equal versions the better repository's, then the bytewise smaller name.
bool newer(const Offer& a, const Offer& b) {
    const auto order = format::compare_versions(version_of(a.pkgname), version_of(b.pkgname));
    if (order != 0)
        return order > 0;
    return std::tie(a.order, a.pkgname) < std::tie(b.order, b.pkgname);
}

/// Two builds of one version, as far as the dates are known.
bool same_build(const Offer& a, const Offer& b) {
    return a.build_date.empty() || b.build_date.empty() || a.build_date == b.build_date;
}

} // namespace

bool Candidate::supersedes_package(const std::string& pkgname) const {
    return std::any_of(supersedes.begin(), supersedes.end(),
                       [&](const KnownPattern* pattern) { return pattern->selects(pkgname); });
}

Candidates::Candidates(const Request& request, Universe& universe, PatternTable& patterns,
                       std::set<std::string> removed)
    : request_(request), universe_(universe), patterns_(patterns), removed_(std::move(removed)) {
    for (const Present& each : request.present)
        present_.emplace(base_of(each.package.pkgname), &each);
}

const Present* Candidates::present(const std::string& base) const {
    const auto found = present_.find(base);
    return found != present_.end() ? found->second : nullptr;
}

bool Candidates::is_upgraded(const std::string& base) const {
    const auto& only = request_.upgrade_only;
    return request_.upgrade && (only.empty() || std::find(only.begin(), only.end(), base) != only.end());
}

const std::vector<std::string>& Candidates::all_bases() {
    if (all_bases_.empty()) {
        std::vector<std::string> of_present;
        for (const auto& [base, ignored] : present_)
            of_present.push_back(base);
        const std::vector<std::string>& offered = universe_.bases();
        std::set_union(offered.begin(), offered.end(), of_present.begin(), of_present.end(),
                       std::back_inserter(all_bases_));
    }
    return all_bases_;
}

Candidate Candidates::make(const Offer& offer, bool is_present) {
    Candidate candidate;
    candidate.offer = &offer;
    candidate.base = base_of(offer.pkgname);
    candidate.is_present = is_present;
    const auto know = [&](const std::vector<std::string>& texts, std::vector<const KnownPattern*>& known) {
        for (const std::string& text : texts) {
            known.push_back(&patterns_.get(text));
            if (!known.back()->fault().empty() && candidate.fault == nullptr)
                candidate.fault = known.back();
        }
    };
    know(offer.depends, candidate.depends);
    know(offer.conflicts, candidate.conflicts);
    know(offer.supersedes, candidate.supersedes);
    return candidate;
}

std::vector<Candidate> Candidates::collect(const std::string& base) {
    if (is_removed(base))
        return {};
    const Present* here = present(base);
    if (here != nullptr && here->held)
        return {make(here->package, true)};

    std::vector<const Offer*> offers;
    for (const Offer& offer : universe_.of_base(base))
        offers.push_back(&offer);
    std::stable_sort(offers.begin(), offers.end(),
                     [](const Offer* a, const Offer* b) { return newer(*a, *b); });
    // One pkgname in several repositories: the first one's. The others would take turns in replacing it for
    // ever.
    std::vector<Candidate> candidates;
    for (const Offer* offer : offers) {
        const auto same_name = [&](const Candidate& seen) { return seen.pkgname() == offer->pkgname; };
        const bool seen = std::any_of(candidates.begin(), candidates.end(), same_name);
        const bool as_present =
            here != nullptr && here->package.pkgname == offer->pkgname && same_build(here->package, *offer);
        if (!seen)
            candidates.push_back(make(as_present ? here->package : *offer, as_present));
    }
    if (here == nullptr)
        return candidates;

    // The present one: in front when it is to be kept; else behind what is newer, and behind another build of
    // itself.
    const auto itself =
        std::find_if(candidates.begin(), candidates.end(), [](const Candidate& c) { return c.is_present; });
    if (itself != candidates.end())
        candidates.erase(itself);
    auto place = candidates.begin();
    if (is_upgraded(base))
        place = std::find_if(candidates.begin(), candidates.end(), [&](const Candidate& candidate) {
            return candidate.pkgname() != here->package.pkgname &&
                   format::compare_versions(version_of(candidate.pkgname()),
                                            version_of(here->package.pkgname)) <= 0;
        });
    candidates.insert(place, make(here->package, true));
    return candidates;
}

const std::vector<Candidate>& Candidates::of_base(const std::string& base) {
    const auto found = by_base_.find(base);
    if (found != by_base_.end())
        return found->second;
    return by_base_.emplace(base, collect(base)).first->second;
}

bool Candidates::better(const Candidate& a, const Candidate& b) {
    if (a.is_present != b.is_present)
        return a.is_present;
    return newer(*a.offer, *b.offer);
}

const std::vector<std::string>& Candidates::targets(const KnownPattern& pattern) {
    const auto found = targets_.find(&pattern);
    if (found != targets_.end())
        return found->second;

    std::vector<std::pair<const Candidate*, std::string>> best;
    const auto& known = pattern.bases();
    for (const std::string& base : known ? *known : all_bases()) {
        for (const Candidate& candidate : of_base(base)) {
            if (pattern.selects(candidate.pkgname())) {
                best.emplace_back(&candidate, base);
                break;
            }
        }
    }
    std::stable_sort(best.begin(), best.end(), [&](const auto& a, const auto& b) {
        const bool a_here = present(a.second) != nullptr;
        const bool b_here = present(b.second) != nullptr;
        return a_here != b_here ? a_here : newer(*a.first->offer, *b.first->offer);
    });
    std::vector<std::string> bases;
    for (const auto& [ignored, base] : best)
        bases.push_back(base);
    return targets_.emplace(&pattern, std::move(bases)).first->second;
}

std::vector<const Candidate*> Candidates::superseders(const Present& here) {
    const std::string own_base(base_of(here.package.pkgname));
    std::set<std::string> bases;
    for (const Offer& offer : universe_.superseding(own_base))
        bases.emplace(base_of(offer.pkgname));
    bases.erase(own_base);
    std::vector<const Candidate*> result;
    for (const std::string& base : bases)
        for (const Candidate& candidate : of_base(base))
            if (candidate.supersedes_package(here.package.pkgname))
                result.push_back(&candidate);
    std::stable_sort(result.begin(), result.end(),
                     [](const Candidate* a, const Candidate* b) { return better(*a, *b); });
    return result;
}

std::vector<const Candidate*> Candidates::replacements(const Present& here) {
    const std::string base(base_of(here.package.pkgname));
    std::vector<const Candidate*> result;
    for (const Candidate& own : of_base(base))
        result.push_back(&own);
    if (here.held)
        return result;
    const std::vector<const Candidate*> others = superseders(here);
    // By an upgrade the package goes over to what supersedes it, unless its own base moved on as well.
    auto place = result.end();
    if (is_upgraded(base)) {
        place = std::find_if(result.begin(), result.end(), [&](const Candidate* own) {
            const bool moved_on =
                format::compare_versions(version_of(own->pkgname()), version_of(here.package.pkgname)) > 0;
            const bool superseded = std::any_of(others.begin(), others.end(), [&](const Candidate* other) {
                return other->supersedes_package(own->pkgname());
            });
            return !moved_on || superseded;
        });
    }
    result.insert(place, others.begin(), others.end());
    return result;
}

} // namespace pkgjail::solve
