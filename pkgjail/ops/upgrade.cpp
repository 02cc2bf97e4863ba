#include "pkgjail/ops/upgrade.hpp"

#include <fmt/core.h>

#include "pkgjail/base/step.hpp"
#include "pkgjail/catalog/images.hpp"
#include "pkgjail/ops/prepare_upgrade.hpp"
#include "pkgjail/ops/prune.hpp"
#include "pkgjail/ops/switch_image.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

std::int64_t generation_before(const std::vector<catalog::Generation>& generations,
                               const catalog::Jail& jail) {
    const std::int64_t best = last_good_before(generations, jail.current);
    if (best == 0)
        throw Error(ErrorKind::not_found, jail.name,
                    fmt::format("has no generation before {} to go back to", jail.current),
                    fmt::format("pkgjail history {}", jail.name));
    return best;
}

} // namespace

UpgradeResult upgrade(const Context& context, const UpgradeRequest& request) {
    PreparedUpgrade prepared(context, request);
    UpgradeResult result = prepared.plan();
    if (context.dry_run || result.plan->changes_nothing()) {
        prepared.session().finish();
        return result;
    }
    require_switchable(prepared.before().jail);
    const MadeImage made = prepared.image(*result.plan);
    for (const auto& [pkgname, text] : made.messages)
        context.reporter.message(pkgname, text);
    const Switched switched =
        switch_image(prepared.session(), prepared.before().jail, made, prepared.wishes_after(*result.plan));
    result.generation = switched.jail.current;
    result.image = made.image.id;
    result.changed = true;
    result.started = switched.started;
    result.status = switched.status;
    result.warnings = made.warnings;
    prepared.session().finish();
    return result;
}

void fetch_for_upgrade(const Context& context, const UpgradeRequest& request,
                       std::set<std::string>& fetched) {
    PreparedUpgrade prepared(context, request);
    const UpgradeResult result = prepared.plan();
    if (!result.plan->changes_nothing()) {
        require_switchable(prepared.before().jail);
        prepared.fetch(*result.plan, fetched);
    }
    prepared.session().finish("fetched");
}

RollbackResult rollback(const Context& context, const std::string& name, std::int64_t wanted) {
    Session session(context, "rollback", name);
    const auto lock = session.lock_jail(name);
    const catalog::Jail jail = require_jail(session.catalog(), name);
    catalog::Jails jails(session.catalog());
    RollbackResult result;
    result.jail = name;
    result.from = jail.current;
    result.to = wanted != 0 ? wanted : generation_before(jails.generations(jail.id), jail);
    if (!jails.generation(jail.id, result.to))
        throw Error(ErrorKind::not_found, name, fmt::format("has no generation {}", result.to),
                    fmt::format("pkgjail history {}", name));
    if (result.to != jail.current && !context.dry_run) {
        const Switched switched = switch_back(session, jail, result.to);
        result.started = switched.started;
        result.status = switched.status;
    }
    session.finish();
    return result;
}

} // namespace pkgjail::ops
