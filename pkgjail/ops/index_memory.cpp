#include "pkgjail/ops/index_memory.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "pkgjail/format/build_info.hpp"
#include "pkgjail/solve/pattern_table.hpp"

namespace pkgjail::ops {

bool compares_indexes(const jail::RepositoryConfig& repository) {
    switch (repository.trust) {
    case jail::Trust::package_signed:
    case jail::Trust::none:
        return true;
    case jail::Trust::index_signed: // its serial says it, under the owner's signature
    case jail::Trust::pinned:       // there is no other index than the one that was written down
        break;
    }
    return false;
}

IndexComparison::IndexComparison(const jail::RepositoryConfig& repository,
                                 const std::optional<catalog::RepositoryMemory>& memory, std::int64_t now)
    : now_(now) {
    empty_.name = repository.name;
    empty_.url = repository.url;
    if (!memory || memory->url != repository.url)
        return;
    newest_before_ = memory->newest_build;
    for (const auto& [base, package] : memory->missed)
        take(missed_, best_of(package.pkgname, package.build_date));
}

IndexComparison::Best IndexComparison::best_of(const std::string& pkgname, const std::string& build_date) {
    return {pkgname, build_date, format::parse_build_date(build_date),
            format::Version::parse(std::string(solve::version_of(pkgname)))};
}

/// Builds of one version can be told apart by their dates only.
bool IndexComparison::is_older(const Best& one, const Best& other) {
    const auto order = one.version <=> other.version;
    if (order != 0)
        return order < 0;
    return one.built && other.built && *one.built < *other.built;
}

void IndexComparison::take(Bests& bests, Best&& one) {
    const auto [place, is_new] = bests.try_emplace(std::string(solve::base_of(one.pkgname)), one);
    if (is_new)
        return;
    Best& best = place->second;
    // Of builds of one version, one without a date could never be told from an earlier one.
    if (is_older(best, one) || (best.version == one.version && one.built && !best.built))
        best = std::move(one);
}

std::optional<std::int64_t> IndexComparison::unless_future(std::optional<std::int64_t> time) const {
    // A wrong clock where one package was made must not make all that comes later look old. One that is
    // minutes ahead does no harm.
    constexpr std::int64_t day = 24 * 60 * 60;
    return time && *time <= now_ + day ? time : std::nullopt;
}

void IndexComparison::had(const std::string& pkgname, const std::string& build_date) {
    Best one = best_of(pkgname, build_date);
    newest_before_ = std::max(newest_before_, unless_future(one.built));
    take(had_, std::move(one));
}

void IndexComparison::offers(const std::string& pkgname, const std::string& build_date) {
    Best one = best_of(pkgname, build_date);
    newest_ = std::max(newest_, one.built);
    newest_past_ = std::max(newest_past_, unless_future(one.built));
    take(offered_, std::move(one));
}

void IndexComparison::offers_until(std::int64_t newest) {
    newest_ = newest;
    newest_past_ = unless_future(newest);
}

ComparedIndex IndexComparison::result(bool anew) const {
    ComparedIndex compared;
    compared.newest_before = newest_before_;
    // A date in the future says nothing of an index's age, unless it is this host's clock that is behind.
    const bool is_clock_right = newest_before_ == unless_future(newest_before_);
    compared.newest = newest_past_ && is_clock_right ? newest_past_ : newest_;
    if (compared.newest != newest_)
        compared.left_out = newest_;
    compared.older = compared.newest && newest_before_ && *compared.newest < *newest_before_;
    compared.dateless = !newest_ && newest_before_ && !offered_.empty();
    compared.memory = empty_;
    compared.memory.newest_build = anew ? newest_past_ : std::max(newest_before_, newest_past_);

    Bests seen = had_;
    for (const auto& [base, package] : missed_)
        take(seen, Best(package));
    // A build without a date among others that have one may be any; without a date anywhere none says more.
    const auto goes_back = [&](const Best& now, const Best& best) {
        return is_older(now, best) ||
               (!compared.dateless && now.version == best.version && best.built && !now.built);
    };
    for (const auto& [base, best] : seen) {
        const auto now = offered_.find(base);
        if (now != offered_.end() && !goes_back(now->second, best))
            continue;
        if (!anew)
            compared.memory.missed[base] = {best.pkgname, best.build_date};
        if (now == offered_.end())
            continue; // packages leave repositories all the time
        const auto before = had_.find(base);
        if (before == had_.end() || goes_back(now->second, before->second))
            compared.went_back.push_back({now->second.pkgname, best.pkgname});
    }
    std::sort(compared.went_back.begin(), compared.went_back.end(),
              [](const WentBack& a, const WentBack& b) { return a.was < b.was; });
    return compared;
}

std::string went_back_text(const std::vector<WentBack>& went_back) {
    if (went_back.empty())
        return "";
    const WentBack& first = went_back.front();
    return fmt::format("{} older than before, {}{} ({})",
                       went_back.size() == 1 ? "1 package is"
                                             : fmt::format("{} packages are", went_back.size()),
                       went_back.size() == 1 ? "" : "the first ", first.pkgname,
                       first.was == first.pkgname ? "an earlier build of it" : "before " + first.was);
}

} // namespace pkgjail::ops
