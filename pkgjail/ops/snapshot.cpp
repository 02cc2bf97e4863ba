#include "pkgjail/ops/snapshot.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/jail/name.hpp"
#include "pkgjail/jail/suggest.hpp"
#include "pkgjail/ops/lost.hpp"
#include "pkgjail/ops/prune.hpp"
#include "pkgjail/ops/quiet_jail.hpp"
#include "pkgjail/ops/records.hpp"
#include "pkgjail/store/committed.hpp"
#include "pkgjail/store/snapshot_files.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

void refuse_taken_name(catalog::Catalog& catalog, const catalog::Jail& jail, const std::string& name) {
    if (catalog::Snapshots(catalog).find(jail.id, name))
        throw Error(ErrorKind::conflict, name, "jail " + jail.name + " has a snapshot of this name",
                    "give it another name, or drop that one first");
}

} // namespace

catalog::Snapshot require_snapshot(catalog::Catalog& catalog, const catalog::Jail& jail,
                                   const std::string& name) {
    catalog::Snapshots snapshots(catalog);
    if (auto found = snapshots.find(jail.id, name))
        return *found;
    std::vector<std::string> names;
    for (const catalog::Snapshot& other : snapshots.of_jail(jail.id))
        names.push_back(other.name);
    const std::string meant = jail::did_you_mean(name, names);
    throw Error(ErrorKind::not_found, name, "jail " + jail.name + " has no snapshot of this name",
                meant.empty() ? "pkgjail snapshots " + jail.name + " shows the snapshots there are" : meant);
}

std::string name_of_time(catalog::Catalog& catalog, const catalog::Jail& jail, const std::string& prefix) {
    std::string digits;
    for (const char c : base::format_time(base::wall_now()).substr(0, 19)) // "2026-11-22T01:02:03"
        if (c == 'T')
            digits += '-';
        else if (c >= '0' && c <= '9')
            digits += c;
    std::string name = prefix + digits;
    catalog::Snapshots snapshots(catalog);
    if (!snapshots.find(jail.id, name))
        return name;
    for (int number = 2;; ++number)
        if (std::string next = fmt::format("{}-{}", name, number); !snapshots.find(jail.id, next))
            return next;
}

catalog::Snapshot snapshot_now(Session& session, const catalog::Jail& jail, const std::string& name) {
    const auto generation = catalog::Jails(session.catalog()).generation(jail.id, jail.current);
    if (!generation)
        throw Error(ErrorKind::corrupt, jail.name, "the catalog has no current generation for it",
                    "pkgjail doctor checks the catalog");
    catalog::Snapshot snapshot;
    snapshot.id = base::random_hex(8);
    snapshot.jail_id = jail.id;
    snapshot.name = name;
    snapshot.image_id = generation->image_id;
    snapshot.generation = generation->number;
    snapshot.wishes = generation->wishes;
    snapshot.settings = generation->settings;
    snapshot.created_at = base::to_unix(base::wall_now());
    snapshot.command = session.context().command_line;
    return snapshot;
}

SnapshotView snapshot(const Context& context, const std::string& jail_name, const std::string& name) {
    if (!name.empty())
        jail::check_name("snapshot", name);
    Session session(context, "snapshot", jail_name, Session::Reads::own, Session::Entry::with_commit);
    const auto lock = session.lock_jail(jail_name);
    const catalog::Jail jail = require_jail(session.catalog(), jail_name);
    refuse_taken_name(session.catalog(), jail, name);
    catalog::Snapshot made =
        snapshot_now(session, jail, name.empty() ? name_of_time(session.catalog(), jail, "") : name);
    if (context.dry_run)
        return {jail.name, made, LeftOut(jail)};

    store::SnapshotStaging staging(context.layout, made.id);
    {
        QuietJail quiet(session, jail);
        context.reporter.doing("copy configuration and data of " + jail.name);
        made.method = store::freeze_means_name(staging.freeze_data(jail.id));
        base::step("snapshot.data_copied");
        staging.freeze_config(jail.id, jail.current);
        base::step("snapshot.copied");
        quiet.resume();
    }
    made.size_bytes = staging.size_bytes();
    staging.place(record_of(made, jail), store::SnapshotStaging::Known::after_commit);
    try {
        session.finish_with([&] { catalog::Snapshots(session.catalog()).add(made); });
    } catch (...) {
        store::remove_snapshot(context.layout, made.id);
        throw;
    }
    base::step("snapshot.committed");
    settle_committed(context, context.layout.snapshot(made.id));
    return {jail.name, made, LeftOut(jail)};
}

std::vector<SnapshotView> snapshots(const Context& context, const std::string& jail_name) {
    std::vector<SnapshotView> views;
    auto catalog = open_for_reading(context);
    if (!catalog) {
        if (jail_name.empty())
            return views;
        throw Error(ErrorKind::not_found, jail_name, "there is no jail of this name",
                    "pkgjail install PACKAGE makes the first one");
    }
    const std::vector<catalog::Jail> jails =
        jail_name.empty() ? catalog::Jails(*catalog).all()
                          : std::vector<catalog::Jail>{require_jail(*catalog, jail_name)};
    for (const catalog::Jail& jail : jails)
        for (catalog::Snapshot& snapshot : catalog::Snapshots(*catalog).of_jail(jail.id))
            views.push_back({jail.name, std::move(snapshot), {}});
    return views;
}

SnapshotView drop(const Context& context, const std::string& jail_name, const std::string& name) {
    Session session(context, "drop", jail_name);
    const auto lock = session.lock_jail(jail_name);
    const catalog::Jail jail = require_jail(session.catalog(), jail_name);
    const catalog::Snapshot snapshot = require_snapshot(session.catalog(), jail, name);
    if (context.dry_run)
        return {jail.name, snapshot, {}};
    if (!context.reporter.confirm(
            fmt::format("Remove snapshot {} of jail {} and the data in it?", name, jail.name)))
        throw Error(ErrorKind::usage, name, "not removed, because the question was not answered with yes",
                    "repeat it with --yes");
    // The catalog forgets it first: cut afterwards, sweep_snapshots() finds what it does not know.
    store::mark_unwanted(context.layout.snapshot(snapshot.id));
    catalog::Snapshots(session.catalog()).remove(snapshot.id);
    base::step("drop.forgotten");
    store::remove_snapshot(context.layout, snapshot.id);
    remove_unreferenced_images(session);
    session.finish();
    return {jail.name, snapshot, {}};
}

} // namespace pkgjail::ops
