#include "pkgjail/ops/prepare_upgrade.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "pkgjail/base/step.hpp"
#include "pkgjail/format/pattern.hpp"
#include "pkgjail/ops/planning.hpp"
#include "pkgjail/ops/promised_image.hpp"
#include "pkgjail/ops/update.hpp"
#include "pkgjail/ops/upgrade_planner.hpp"
#include "pkgjail/solve/pattern_table.hpp"

namespace pkgjail::ops {

PreparedUpgrade::PreparedUpgrade(const Context& context, const UpgradeRequest& request)
    : context_(context), request_(request),
      session_(context, "upgrade", request.jail, Session::Reads::foreign),
      lock_(session_.lock_jail(request.jail)), before_(installed_in(session_.catalog(), request.jail)) {
    refresh_if_never_done(session_);
}

UpgradeResult PreparedUpgrade::plan() {
    UpgradeResult result;
    {
        const catalog::ReadTransaction one_state(session_.catalog().database());
        result =
            UpgradePlanner(context_, session_.catalog(), request_.only).plan(before_.jail, before_.image);
    }
    base::step("upgrade.planned");
    return result;
}

MadeImage PreparedUpgrade::image(const solve::Plan& plan) {
    return image_of_plan(session_, plan, {}, archives_of(before_.image), before_.jail.name);
}

void PreparedUpgrade::fetch(const solve::Plan& plan, std::set<std::string>& fetched) {
    const KnownArchives known = archives_of(before_.image);
    PromisedImage promised(session_, plan, known);
    if ((promised.key() && fetched.contains(*promised.key())) || promised.find())
        return;
    if (promised.is_of(obtain_archives(session_, plan, {}, known)))
        fetched.insert(*promised.key());
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
                    return std::string(solve::base_of(member.package.pkgname));
    }
    return "";
}

} // namespace pkgjail::ops
