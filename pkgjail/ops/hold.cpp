#include "pkgjail/ops/hold.hpp"

#include <algorithm>
#include <set>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/format/pattern.hpp"
#include "pkgjail/format/pkgname.hpp"
#include "pkgjail/ops/installed.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/ops/switch_image.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

/// The commit first: it decides. jail.json follows, for the day when the catalog is gone.
HoldResult write_back(Session& session, const Installed& before, std::vector<catalog::Hold> holds) {
    std::sort(holds.begin(), holds.end(),
              [](const catalog::Hold& a, const catalog::Hold& b) { return a.pkgbase < b.pkgbase; });
    HoldResult result{before.jail.name, holds, holds != before.jail.holds};
    if (!result.changed || session.context().dry_run) {
        session.finish();
        return result;
    }
    catalog::Jail jail = before.jail;
    jail.holds = std::move(holds);
    catalog::Jails(session.catalog()).update(jail);
    base::step("hold.committed");
    write_record(session, jail.id);
    session.finish();
    return result;
}

} // namespace

HoldResult hold(const Context& context, const HoldRequest& request) {
    if (request.until && *request.until <= base::to_unix(base::wall_now()))
        throw Error(ErrorKind::usage, base::format_time(base::from_unix(*request.until)),
                    "a hold cannot end in the past", "pkgjail unhold releases one");
    if (request.reason.find_first_of("\r\n") != std::string::npos)
        throw Error(ErrorKind::usage, "--reason", "allowed: one line of text");
    check_patterns(request.packages);
    Session session(context, "hold", request.jail);
    const auto lock = session.lock_jail(request.jail);
    const Installed installed = installed_in(session.catalog(), request.jail);
    std::vector<catalog::Hold> holds = installed.jail.holds;
    for (const std::string& word : request.packages)
        for (const catalog::ImagePackage& package : packages_meant(installed, word)) {
            const std::string pkgbase(format::Pkgname::parse(package.pkgname).base());
            std::erase_if(holds, [&](const catalog::Hold& each) { return each.pkgbase == pkgbase; });
            holds.push_back({pkgbase, request.reason, request.until});
        }
    return write_back(session, installed, std::move(holds));
}

HoldResult unhold(const Context& context, const std::string& jail, const std::vector<std::string>& packages) {
    check_patterns(packages);
    Session session(context, "unhold", jail);
    const auto lock = session.lock_jail(jail);
    const Installed installed = installed_in(session.catalog(), jail);
    std::vector<catalog::Hold> holds = installed.jail.holds;
    for (const std::string& word : packages) {
        std::set<std::string> released;
        for (const catalog::Hold& each : holds)
            if (each.pkgbase == word)
                released.insert(word);
        if (released.empty())
            for (const catalog::ImagePackage& package : packages_meant(installed, word))
                released.emplace(format::Pkgname::parse(package.pkgname).base());
        std::erase_if(holds, [&](const catalog::Hold& each) { return released.contains(each.pkgbase); });
    }
    return write_back(session, installed, std::move(holds));
}

} // namespace pkgjail::ops
