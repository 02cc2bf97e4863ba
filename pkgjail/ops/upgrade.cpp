#include "pkgjail/ops/upgrade.hpp"

#include <fmt/core.h>

#include "pkgjail/base/step.hpp"
#include "pkgjail/catalog/images.hpp"
#include "pkgjail/ops/make_image.hpp"
#include "pkgjail/ops/planning.hpp"
#include "pkgjail/ops/switch_image.hpp"
#include "pkgjail/ops/universe.hpp"
#include "pkgjail/ops/update.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

bool was_rolled_back(const catalog::Generation& generation) {
    return generation.outcome.starts_with("rolled back");
}

std::int64_t generation_before(const std::vector<catalog::Generation>& generations,
                               const catalog::Jail& jail) {
    std::int64_t best = 0;
    for (const catalog::Generation& generation : generations)
        if (generation.number < jail.current && generation.number > best && !was_rolled_back(generation))
            best = generation.number;
    if (best == 0)
        throw Error(ErrorKind::not_found, jail.name,
                    fmt::format("has no generation before {} to go back to", jail.current),
                    fmt::format("pkgjail history {}", jail.name));
    return best;
}

} // namespace

UpgradeResult upgrade(const Context& context, const UpgradeRequest& request) {
    Session session(context, "upgrade", request.jail);
    const auto lock = session.lock_jail(request.jail);
    const catalog::Jail jail = require_jail(session.catalog(), request.jail);
    const auto generation = catalog::Jails(session.catalog()).generation(jail.id, jail.current);
    const auto before =
        generation ? catalog::Images(session.catalog()).find(generation->image_id) : std::nullopt;
    if (!before)
        throw Error(ErrorKind::corrupt, jail.name, "the catalog has no image for it",
                    "pkgjail doctor checks the catalog");
    refresh_if_never_done(session);

    solve::Request question;
    question.upgrade = true;
    question.upgrade_only = request.only;
    question.present = present_packages(*before);
    CatalogUniverse universe(session.catalog());
    UpgradeResult result;
    result.jail = jail.name;
    result.generation = jail.current;
    result.image = before->id;
    result.plan = plan_or_throw(question, universe);
    result.download_bytes = bytes_to_download(result.plan);
    base::step("upgrade.planned");
    if (request.check || context.dry_run || result.plan.changes_nothing()) {
        session.finish();
        return result;
    }
    const Archives archives = obtain_archives(session, result.plan, {}, digests_of(*before));
    const MadeImage made = make_image(session, result.plan, archives, jail.name);
    for (const auto& [pkgname, text] : made.messages)
        context.reporter.message(pkgname, text);
    const Switched switched = switch_image(session, jail, made, generation->wishes);
    result.generation = switched.jail.current;
    result.image = made.image.id;
    result.changed = true;
    result.started = switched.started;
    result.status = switched.status;
    result.warnings = made.warnings;
    session.finish();
    return result;
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
