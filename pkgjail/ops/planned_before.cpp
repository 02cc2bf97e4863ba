#include "pkgjail/ops/planned_before.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/host.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/ops/package_trust.hpp"
#include "pkgjail/ops/promised_image.hpp"
#include "pkgjail/ops/promises.hpp"

namespace pkgjail::ops {

PlannedBefore::PlannedBefore(Session& session, std::vector<std::string> wishes)
    : session_(session), context_(session.context()), wishes_(std::move(wishes)), plans_(session.catalog()),
      key_(key_now()) {}

/// All that a plan and the promises of its packages come from. The program's version stands for the solver's
/// rules.
std::string PlannedBefore::key_now() {
    std::string text = fmt::format("plan of {}\n{}\n{} {} {}\n", PKGJAIL_VERSION,
                                   store::build_key(request_without_packages(context_)), base::host_opsys(),
                                   base::host_os_version(), base::host_machine_arch());
    for (const jail::RepositoryConfig& repository : context_.config.repositories)
        text += fmt::format("repository {}\n{}\n{}\n", repository.name, repository.url,
                            jail::trust_name(repository.trust));
    text += "offered\n" + plans_.offered();
    for (const std::string& wish : wishes_)
        text += fmt::format("wish {} {}\n", wish.size(), wish);
    return base::sha256(text);
}

std::optional<solve::Plan> PlannedBefore::find() {
    known_ = plans_.find(key_);
    if (!known_)
        return std::nullopt;
    solve::Plan plan;
    plan.result.reserve(known_->packages.size());
    plan.steps.reserve(known_->packages.size());
    for (catalog::KnownPlan::Package& package : known_->packages) {
        solve::Plan::Member& member = plan.result.emplace_back();
        member.package.pkgname = package.pkgname;
        member.automatic = package.automatic;
        plan.steps.push_back(
            {solve::StepKind::install, std::move(package.pkgname), "", std::move(package.reason)});
    }
    return plan;
}

std::optional<MadeImage> PlannedBefore::image() {
    auto made = hold_promised(session_, known_->promise_key);
    if (!made || key_now() != key_) // another index has come meanwhile
        return std::nullopt;
    // That each package has a digest as the policy wants was seen when it was planned: policy and index are
    // the same.
    PackageTrust trust(session_);
    for (const std::string& repository : known_->repositories)
        trust.admit(*find_repository(context_.config, repository));
    base::step("install.image_promised");
    return made;
}

void PlannedBefore::note(const solve::Plan& plan, std::uint64_t download_bytes, const MadeImage& made) {
    if (known_ || made.promise_key.empty() || key_now() != key_ || plans_.contains(key_))
        return;
    catalog::KnownPlan known;
    known.promise_key = made.promise_key;
    known.download_bytes = download_bytes;
    known.packages.reserve(plan.result.size());
    // Where nothing was there before, each package is a step.
    for (std::size_t i = 0; i < plan.result.size(); ++i) {
        const solve::Plan::Member& member = plan.result[i];
        known.packages.push_back({member.package.pkgname, member.automatic, plan.steps[i].reason});
        auto& repositories = known.repositories;
        if (std::find(repositories.begin(), repositories.end(), member.package.repository) ==
            repositories.end())
            repositories.push_back(member.package.repository);
    }
    plans_.put(key_, known);
}

} // namespace pkgjail::ops
