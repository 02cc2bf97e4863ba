#include "pkgjail/ops/prepare_upgrade.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "pkgjail/base/step.hpp"
#include "pkgjail/format/pattern.hpp"
#include "pkgjail/format/pkgname.hpp"
#include "pkgjail/format/version.hpp"
#include "pkgjail/ops/holding.hpp"
#include "pkgjail/ops/planning.hpp"
#include "pkgjail/ops/update.hpp"
#include "pkgjail/ops/vulnerable.hpp"

namespace pkgjail::ops {

namespace {

std::string base_of(const std::string& pkgname) {
    return std::string(format::Pkgname::parse(pkgname).base());
}

bool is_newer(const std::string& pkgname, const std::string& than) {
    return format::compare_versions(format::Pkgname::parse(pkgname).version(),
                                    format::Pkgname::parse(than).version()) > 0;
}

} // namespace

PreparedUpgrade::PreparedUpgrade(const Context& context, const UpgradeRequest& request)
    : context_(context), request_(request), session_(context, "upgrade", request.jail),
      lock_(session_.lock_jail(request.jail)), before_(installed_in(session_.catalog(), request.jail)),
      universe_(session_.catalog()) {
    refresh_if_never_done(session_);
}

UpgradeResult PreparedUpgrade::plan() {
    solve::Request question;
    question.upgrade = true;
    question.upgrade_only = request_.only;
    question.present = present_packages(before_);
    UpgradeResult result;
    result.jail = before_.jail.name;
    result.generation = before_.jail.current;
    result.image = before_.image.id;
    result.plan = plan_for_jail(question, universe_, before_.jail);
    result.download_bytes = bytes_to_download(result.plan);
    tell_holds(result);
    tell_vanished(result);
    result.unneeded = unneeded_after(before_.jail, result.plan, universe_);
    tell_vulnerable(context_, session_.catalog(), result.plan);
    base::step("upgrade.planned");
    return result;
}

Archives PreparedUpgrade::fetch(const solve::Plan& plan) {
    return obtain_archives(session_, plan, {}, digests_of(before_.image));
}

std::vector<std::string> PreparedUpgrade::wishes_after(const solve::Plan& plan) const {
    std::vector<std::string> wishes;
    for (const std::string& wish : before_.generation.wishes) {
        std::string now = is_fulfilled(wish, plan) ? wish : successor(wish, plan);
        if (now.empty())
            now = wish;
        if (std::find(wishes.begin(), wishes.end(), now) == wishes.end())
            wishes.push_back(std::move(now));
    }
    return wishes;
}

/// The base of what superseded the package that fulfilled the wish; empty: nothing did.
std::string PreparedUpgrade::successor(const std::string& wish, const solve::Plan& plan) const {
    const format::Pattern pattern = format::Pattern::parse(wish);
    for (const catalog::ImagePackage& old : before_.image.packages) {
        if (!pattern.matches(old.pkgname))
            continue;
        for (const solve::Plan::Member& member : plan.result)
            for (const std::string& superseded : member.package.supersedes)
                if (format::Pattern::parse(superseded).selects(old.pkgname))
                    return base_of(member.package.pkgname);
    }
    return "";
}

void PreparedUpgrade::tell_holds(UpgradeResult& result) {
    for (const catalog::Hold& hold : before_.jail.holds)
        if (!is_in_force(hold))
            context_.reporter.warn(fmt::format(
                "jail {}: the hold on {} has ended ({}); pkgjail unhold {} -j {} forgets it",
                before_.jail.name, hold.pkgbase, hold_words(hold), hold.pkgbase, before_.jail.name));
    for (const catalog::ImagePackage& package : before_.image.packages)
        if (const catalog::Hold* hold = hold_on(before_.jail, package.pkgname))
            result.held.push_back({package.pkgname, best_newer(package.pkgname), *hold});
}

std::string PreparedUpgrade::best_newer(const std::string& pkgname) {
    std::string best;
    for (const solve::Offer& offer : universe_.of_base(base_of(pkgname)))
        if (is_newer(offer.pkgname, best.empty() ? pkgname : best))
            best = offer.pkgname;
    return best;
}

/// A package that the operator gave as a file was never on offer.
void PreparedUpgrade::tell_vanished(UpgradeResult& result) {
    for (const solve::Plan::Member& member : result.plan.result) {
        const std::string& pkgname = member.package.pkgname;
        if (!member.already_present || member.package.repository == local_files ||
            !universe_.of_base(base_of(pkgname)).empty())
            continue;
        result.vanished.push_back(pkgname);
        context_.reporter.warn(fmt::format("jail {}: no repository offers {} any more; it is kept as it is",
                                           before_.jail.name, pkgname));
    }
}

} // namespace pkgjail::ops
