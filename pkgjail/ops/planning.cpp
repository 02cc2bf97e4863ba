#include "pkgjail/ops/planning.hpp"

#include <algorithm>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/format/pattern.hpp"
#include "pkgjail/solve/pattern_table.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

std::vector<solve::Present> present_packages(const catalog::Image& image) {
    std::vector<solve::Present> present;
    for (const catalog::ImagePackage& package : image.packages) {
        solve::Present entry;
        entry.package.pkgname = package.pkgname;
        entry.package.repository = package.repository;
        entry.package.build_date = package.build_date;
        entry.package.depends = package.depends;
        entry.package.conflicts = package.conflicts;
        entry.package.installed_bytes = package.size_bytes;
        entry.automatic = package.automatic;
        present.push_back(std::move(entry));
    }
    return present;
}

KnownArchives archives_of(const catalog::Image& image) {
    KnownArchives known;
    known.image = &image;
    for (const catalog::ImagePackage& package : image.packages)
        known.digests[package.pkgname] = package.archive_sha256;
    return known;
}

bool is_fulfilled(const std::string& wish, const solve::Plan& plan) {
    const format::Pattern pattern = format::Pattern::parse(wish);
    return std::any_of(plan.result.begin(), plan.result.end(), [&](const solve::Plan::Member& member) {
        return pattern.matches(member.package.pkgname);
    });
}

solve::Plan plan_or_throw(const solve::Request& request, solve::Universe& universe) {
    solve::PatternTable patterns;
    return plan_or_throw(request, universe, patterns);
}

solve::Plan plan_or_throw(const solve::Request& request, solve::Universe& universe,
                          solve::PatternTable& patterns) {
    solve::Answer answer = solve::solve(request, universe, patterns);
    if (auto* plan = std::get_if<solve::Plan>(&answer))
        return std::move(*plan);
    const auto& refusal = std::get<solve::Refusal>(answer);
    std::vector<std::string> texts;
    for (const solve::Refusal::Reason& reason : refusal.reasons)
        texts.push_back(reason.text);
    throw Error(refusal.not_found ? ErrorKind::not_found : ErrorKind::unsolvable,
                fmt::format("{}", fmt::join(request.install.empty() ? request.remove : request.install, " ")),
                fmt::format("{}", fmt::join(texts, "; ")),
                refusal.reasons.empty() ? "" : refusal.reasons.front().hint);
}

std::uint64_t bytes_to_download(const solve::Plan& plan) {
    std::uint64_t bytes = 0;
    for (const solve::Plan::Member& member : plan.result)
        if (!member.already_present)
            bytes += member.package.download_bytes;
    return bytes;
}

} // namespace pkgjail::ops
