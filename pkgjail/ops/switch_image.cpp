#include "pkgjail/ops/switch_image.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/ops/dependents.hpp"
#include "pkgjail/ops/merge_config.hpp"
#include "pkgjail/ops/prune.hpp"
#include "pkgjail/ops/recover.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/settings.hpp"
#include "pkgjail/ops/start_jail.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

void record_image(catalog::Catalog& catalog, const MadeImage& made) {
    if (!made.reused)
        catalog::Images(catalog).add(made.image, made.manifest);
    if (made.promise)
        catalog::Images(catalog).put_promise(made.image.id, *made.promise);
}

catalog::Generation generation_of(const Context& context, const std::string& image_id,
                                  std::vector<std::string> wishes) {
    catalog::Generation generation;
    generation.image_id = image_id;
    generation.wishes = std::move(wishes);
    generation.created_at = base::to_unix(base::wall_now());
    generation.command = context.command_line;
    generation.outcome = "done";
    return generation;
}

void write_record(Session& session, const std::string& jail_id) {
    catalog::Jails jails(session.catalog());
    const auto jail = jails.find_by_id(jail_id);
    if (!jail)
        return;
    const std::string record = record_of(*jail, jails.generations(jail_id));
    const base::HostPath file = session.context().layout.jail_record(jail_id);
    if (base::read_file_if_exists(file) != record)
        base::write_file_atomically(file, record);
}

void try_to_write_record(Session& session, const std::string& jail_id, std::string_view after) {
    try {
        base::step(after);
        write_record(session, jail_id);
    } catch (const Error& error) {
        session.context().reporter.warn(
            fmt::format("{}; the next command that changes something writes this record", error.what()));
    }
}

void write_snapshot_settings(Session& session, const catalog::Jail& jail) {
    for (const catalog::Snapshot& snapshot : catalog::Snapshots(session.catalog()).of_jail(jail.id)) {
        const base::HostPath file = session.context().layout.snapshot(snapshot.id) / "snapshot.json";
        const auto there = base::read_file_if_exists(file);
        const std::string record = record_of(snapshot, jail);
        if (!there || *there == record)
            continue;
        const catalog::Snapshot recorded = parse_snapshot_record(*there, file.string());
        if (is_record_of(recorded, snapshot) &&
            (recorded.settings != snapshot.settings || !tells_settings(*there, file.string())))
            base::write_file_atomically(file, record);
    }
}

catalog::Jail with_settings(Session& session, catalog::Jail jail, const Settings& settings) {
    if (jail.settings == settings)
        return jail;
    jail.settings = settings;
    try {
        if (const auto recipe = rendered_recipe(session.context(), jail))
            take_claims(jail, *recipe);
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::usage)
            throw;
        std::string values;
        for (const auto& [key, value] : settings)
            values += fmt::format("{}{}={}", values.empty() ? "" : ", ", key, value);
        throw Error(ErrorKind::configuration, jail.name,
                    fmt::format("recipe {} does not go with its values of then, {}: {}", jail.recipe, values,
                                error.what()),
                    "put the recipe back as it was, and repeat this");
    }
    return jail;
}

void require_claims_free(catalog::Catalog& catalog, const catalog::Jail& jail) {
    try {
        check_claims(catalog, jail);
    } catch (const Error& error) {
        throw Error(error.kind(), jail.name, fmt::format("{} {}", error.object(), error.cause()),
                    "it has to be given up there first: declare that jail with another one and use pkgjail "
                    "apply, or destroy it");
    }
}

namespace {

std::int64_t next_generation(catalog::Jails& jails, const catalog::Jail& jail) {
    std::int64_t last = jail.current;
    for (const catalog::Generation& generation : jails.generations(jail.id))
        last = std::max(last, generation.number);
    return last + 1;
}

std::string unproven(std::int64_t old) {
    return fmt::format("start {}", old);
}

Settings settings_of(catalog::Jails& jails, const catalog::Jail& jail, std::int64_t number) {
    const auto generation = jails.generation(jail.id, number);
    return generation ? generation->settings : jail.settings;
}

void tell_conflicts(const Context& context, const catalog::Jail& jail, const MergedConfig& merged) {
    for (const catalog::ConfigConflict& conflict : merged.met)
        context.reporter.warn(
            fmt::format("jail {}: {}: {}; yours is kept", jail.name, conflict.path, conflict.what));
    if (!merged.met.empty())
        context.reporter.warn(
            fmt::format("jail {}: pkgjail config {} --diff shows both versions", jail.name, jail.name));
}

} // namespace

bool is_to_run(Session& session, const catalog::Jail& jail) {
    if (!jail.wanted_running)
        return false;
    const auto recipe = rendered_recipe(session.context(), jail);
    return recipe && !recipe->services.empty();
}

bool start_again(Session& session, const catalog::Jail& jail) {
    try {
        if (!is_to_run(session, jail))
            return true;
        // What failed may have been its stop.
        const auto status = supervise::read_status(session.context().layout.run(jail.id));
        if (status.state == supervise::ServiceState::stopping)
            return false;
        if (!is_running(status))
            start_jail(session, jail);
    } catch (const Error& error) {
        session.context().reporter.warn(error.what());
        return !is_worth_another_try(error);
    }
    return true;
}

namespace {

/// Nothing is current that was not before; the service goes on with it. The failure that brought us here is
/// what is thrown afterwards.
void go_on_with(Session& session, const catalog::Jail& before, Dependents& dependents) {
    const bool is_over = start_again(session, before);
    dependents.bring_up_all_the_same();
    if (is_over)
        catalog::Jails(session.catalog()).set_operation(before.id, std::nullopt);
}

/// Ports that other jails have by now. Its start claims them again, or is refused.
void give_up_taken_claims(Session& session, catalog::Jail& jail) {
    std::erase_if(jail.claims, [&](const catalog::PortClaimRow& claim) {
        const auto claimants = catalog::Jails(session.catalog()).claimants(claim);
        const auto other = std::find_if(claimants.begin(), claimants.end(),
                                        [&](const std::string& name) { return name != jail.name; });
        if (other == claimants.end())
            return false;
        session.context().reporter.warn(fmt::format("jail {}: port {}:{} is claimed by jail {} by now",
                                                    jail.name, claim.protocol, claim.port, *other));
        return true;
    });
}

/// The old generation current again and running; the new one keeps its number, with what became of it.
[[noreturn]] void put_back(Session& session, catalog::Jail jail, std::int64_t old, const Error& why,
                           Dependents& dependents) {
    catalog::Jails jails(session.catalog());
    const std::int64_t failed = jail.current;
    const std::string cause = why.object() == jail.name ? why.cause() : why.what();
    dependents.take_down(); // those that came up with it
    base::while_doing(fmt::format("roll generation {} back, because {}", failed, cause),
                      [&] { stop_jail(session, jail); });
    const Settings then = settings_of(jails, jail, old);
    const bool changes_settings = jail.settings != then;
    try {
        jail = with_settings(session, jail, then);
    } catch (const Error& error) {
        session.context().reporter.warn(error.what());
        jail.settings = then;
        jail.claims.clear(); // by its next start that goes well
    }
    catalog::Transaction transaction(session.catalog().database());
    if (changes_settings)
        give_up_taken_claims(session, jail);
    jails.update(jail);
    jails.set_current(jail.id, old);
    jails.set_outcome(jail.id, failed, fmt::format("rolled back: {}", cause));
    jails.set_operation(jail.id, "switch");
    transaction.commit();
    base::step("switch.put_back");
    jail.current = old;
    try_to_write_record(session, jail.id, "switch.committed");
    std::string second = "generation " + std::to_string(old) + " runs again";
    bool is_over = true;
    try {
        start_jail(session, jail);
    } catch (const Error& error) {
        is_over = !is_worth_another_try(error);
        second = fmt::format("generation {} is current again, but does not start either: {}", old,
                             error.object() == jail.name ? error.cause() : error.what());
    }
    dependents.bring_up_all_the_same();
    if (is_over)
        jails.set_operation(jail.id, std::nullopt);
    throw Error(ErrorKind::unhealthy, jail.name,
                fmt::format("generation {} was rolled back: {}; {}", failed, cause, second),
                fmt::format("pkgjail logs {} has everything it wrote", jail.name));
}

/// That this host fails, another command is in the way or something else that they require does not run, says
/// nothing about the generation they come up on: their notes lead the next command to them.
void bring_up_on(Session& session, Dependents& dependents) {
    try {
        dependents.bring_up();
    } catch (const Error& error) {
        if (!is_worth_another_try(error))
            throw;
        session.context().reporter.warn(fmt::format("{}; {}", error.what(), next_try(error)));
    }
}

Switched prove(Session& session, const catalog::Jail& jail, std::int64_t old, Dependents& dependents) {
    Switched result;
    result.jail = jail;
    if (is_to_run(session, jail)) {
        try {
            result.status = start_jail(session, jail, Gate::quiet);
            result.started = true;
            bring_up_on(session, dependents);
        } catch (Error& error) {
            if (old == jail.current)
                throw;
            // Another command is in the way, or a jail that it requires does not run: that says nothing about
            // the generation. Its note stays, and the next command proves it.
            if (error.kind() == ErrorKind::busy ||
                dynamic_cast<const RequiredJailFailed*>(&error) != nullptr) {
                error.add_context(fmt::format("generation {} is not proven yet", jail.current));
                throw;
            }
            put_back(session, jail, old, error, dependents);
        }
    } else {
        dependents.bring_up_all_the_same();
    }
    base::step("switch.proven");
    catalog::Jails(session.catalog()).set_operation(jail.id, std::nullopt);
    return result;
}

} // namespace

Switched prove(Session& session, const catalog::Jail& jail, std::int64_t old) {
    Dependents dependents(session, jail);
    if (old != jail.current && dependents.are_none() && is_to_run(session, jail) &&
        stays_ready(session.context(), jail)) {
        session.context().reporter.warn(
            fmt::format("jail {}: generation {} runs and has proved itself", jail.name, jail.current));
        base::step("switch.proven");
        catalog::Jails(session.catalog()).set_operation(jail.id, std::nullopt);
        return {jail, false, supervise::read_status(session.context().layout.run(jail.id))};
    }
    dependents.take_down();
    stop_jail(session, jail); // half-started, or without its supervisor
    return prove(session, jail, old, dependents);
}

void require_switchable(const catalog::Jail& jail) {
    require_in_place(jail);
    require_proven(jail);
}

Switched switch_image(Session& session, const catalog::Jail& before, const MadeImage& made,
                      std::vector<std::string> wishes, const std::optional<Settings>& settings) {
    const Context& context = session.context();
    catalog::Jails jails(session.catalog());
    catalog::Jail jail = before;
    if (settings)
        jail = with_settings(session, jail, *settings);
    const std::int64_t next = next_generation(jails, jail);
    require_switchable(before);
    require_room_to_start(context, before);
    const bool is_to_prove = is_to_run(session, jail);
    if (is_to_prove)
        start_order_of(session, jail); // while what it requires cannot be read, nothing is stopped
    Dependents dependents(session, jail);
    jails.set_operation(jail.id, "switch");
    base::step("switch.noted");
    MergedConfig merged;
    try {
        dependents.take_down();
        stop_jail(session, jail);
        base::step("switch.stopped");
        merged = merge_config(session, jail, next, made.image.id);
        base::step("switch.configured");
        catalog::Transaction transaction(session.catalog().database());
        record_image(session.catalog(), made);
        catalog::Generation generation = generation_of(context, made.image.id, std::move(wishes));
        generation.settings = jail.settings;
        generation.merge = merged.merge;
        generation.conflicts = merged.conflicts;
        if (settings) {
            check_claims(session.catalog(), jail);
            jails.update(jail);
        }
        jail.current = jails.add_generation(jail.id, generation);
        if (is_to_prove)
            jails.set_operation(jail.id, unproven(before.current));
        transaction.commit();
        made.hold.reset();
    } catch (...) {
        go_on_with(session, before, dependents);
        throw;
    }
    tell_conflicts(context, jail, merged);
    try_to_write_record(session, jail.id, "switch.committed");
    Switched switched = prove(session, jail, before.current, dependents);
    prune_jail(session, jail.id);
    return switched;
}

Switched switch_back(Session& session, const catalog::Jail& before, std::int64_t generation) {
    catalog::Jails jails(session.catalog());
    catalog::Jail jail = with_settings(session, before, settings_of(jails, before, generation));
    const bool changes_settings = jail.settings != before.settings;
    if (changes_settings)
        require_claims_free(session.catalog(), jail);
    require_switchable(before);
    require_room_to_start(session.context(), before);
    const bool is_to_prove = is_to_run(session, jail);
    if (is_to_prove)
        start_order_of(session, jail); // while what it requires cannot be read, nothing is stopped
    else if (changes_settings) {
        catalog::Jail then = jail;
        then.current = generation; // where it is started, the start tells
        tell_lost_settings(session.context(), then, rendered_recipe(session.context(), then));
    }
    Dependents dependents(session, jail);
    jails.set_operation(jail.id, "switch");
    base::step("switch.noted");
    try {
        dependents.take_down();
        stop_jail(session, jail);
        base::step("switch.stopped");
        catalog::Transaction transaction(session.catalog().database());
        if (changes_settings) {
            require_claims_free(session.catalog(), jail);
            jail.operation = "switch";
            jails.update(jail);
        }
        jails.set_current(jail.id, generation);
        if (is_to_prove)
            jails.set_operation(jail.id, unproven(before.current));
        transaction.commit();
    } catch (...) {
        go_on_with(session, before, dependents);
        throw;
    }
    jail.current = generation;
    try_to_write_record(session, jail.id, "switch.committed");
    return prove(session, jail, before.current, dependents);
}

} // namespace pkgjail::ops
