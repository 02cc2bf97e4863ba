#include "pkgjail/ops/switch_image.hpp"

#include <algorithm>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/ops/dependents.hpp"
#include "pkgjail/ops/merge_config.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/start_jail.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

void record_image(catalog::Catalog& catalog, const MadeImage& made) {
    if (!made.reused)
        catalog::Images(catalog).add(made.image, made.manifest);
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

namespace {

nlohmann::ordered_json conflicts_json(const std::vector<catalog::ConfigConflict>& conflicts) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const catalog::ConfigConflict& conflict : conflicts)
        list.push_back({{"path", conflict.path}, {"what", conflict.what}, {"decision", conflict.decision}});
    return list;
}

} // namespace

std::string record_of(const catalog::Jail& jail, const catalog::Generation& generation) {
    nlohmann::ordered_json holds = nlohmann::ordered_json::array();
    for (const catalog::Hold& hold : jail.holds) {
        nlohmann::ordered_json until;
        if (hold.until)
            until = *hold.until;
        holds.push_back({{"package", hold.pkgbase}, {"reason", hold.reason}, {"until", until}});
    }
    const nlohmann::ordered_json record = {{"schema", "pkgjail.jail/1"},
                                           {"id", jail.id},
                                           {"name", jail.name},
                                           {"recipe", jail.recipe},
                                           {"profile", jail.profile},
                                           {"network", jail.network},
                                           {"limits", jail.limits_template},
                                           {"limit_overrides", jail.limit_overrides},
                                           {"settings", jail.settings},
                                           {"holds", holds},
                                           {"created_at", jail.created_at},
                                           {"image", generation.image_id},
                                           {"wishes", generation.wishes},
                                           {"conflicts", conflicts_json(generation.conflicts)}};
    return record.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
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

} // namespace

void write_record(Session& session, const catalog::Jail& jail) {
    if (const auto generation = catalog::Jails(session.catalog()).generation(jail.id, jail.current))
        base::write_file_atomically(session.context().layout.jail_record(jail.id),
                                    record_of(jail, *generation));
}

namespace {

void tell_conflicts(const Context& context, const catalog::Jail& jail, const MergedConfig& merged) {
    for (const catalog::ConfigConflict& conflict : merged.met)
        context.reporter.warn(
            fmt::format("jail {}: {}: {}; yours is kept", jail.name, conflict.path, conflict.what));
    if (!merged.met.empty())
        context.reporter.warn(
            fmt::format("jail {}: pkgjail config {} --diff shows both versions", jail.name, jail.name));
}

bool is_to_run(Session& session, const catalog::Jail& jail) {
    const Context& context = session.context();
    const auto recipe = rendered_recipe(context, jail);
    return jail.wanted_running && recipe && !recipe->services.empty();
}

/// The old generation current again and running; the new one keeps its number, with what became of it.
[[noreturn]] void put_back(Session& session, catalog::Jail jail, std::int64_t old, const Error& why,
                           Dependents& dependents) {
    catalog::Jails jails(session.catalog());
    const std::int64_t failed = jail.current;
    const std::string cause = why.object() == jail.name ? why.cause() : why.what();
    dependents.take_down(); // those that came up with it
    stop_jail(session, jail);
    catalog::Transaction transaction(session.catalog().database());
    jails.set_current(jail.id, old);
    jails.set_outcome(jail.id, failed, fmt::format("rolled back: {}", cause));
    jails.set_operation(jail.id, "switch");
    transaction.commit();
    base::step("switch.put_back");
    jail.current = old;
    write_record(session, jail);
    std::string second = "generation " + std::to_string(old) + " runs again";
    try {
        start_jail(session, jail);
    } catch (const Error& error) {
        second =
            fmt::format("generation {} is current again, but does not start either: {}", old, error.cause());
    }
    dependents.bring_up_all_the_same();
    jails.set_operation(jail.id, std::nullopt);
    throw Error(ErrorKind::unhealthy, jail.name,
                fmt::format("generation {} was rolled back: {}; {}", failed, cause, second),
                fmt::format("pkgjail logs {} has everything it wrote", jail.name));
}

Switched prove(Session& session, const catalog::Jail& jail, std::int64_t old, Dependents& dependents) {
    Switched result;
    result.jail = jail;
    if (is_to_run(session, jail)) {
        try {
            result.status = start_jail(session, jail, Gate::quiet);
            result.started = true;
            dependents.bring_up();
        } catch (const Error& error) {
            if (old == jail.current)
                throw;
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
    dependents.take_down();
    stop_jail(session, jail); // half-started, or without its supervisor
    return prove(session, jail, old, dependents);
}

Switched switch_image(Session& session, const catalog::Jail& before, const MadeImage& made,
                      std::vector<std::string> wishes) {
    const Context& context = session.context();
    catalog::Jails jails(session.catalog());
    catalog::Jail jail = before;
    const std::int64_t next = next_generation(jails, jail);
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
        generation.merge = merged.merge;
        generation.conflicts = merged.conflicts;
        jail.current = jails.add_generation(jail.id, generation);
        jails.set_operation(jail.id, unproven(before.current));
        transaction.commit();
    } catch (...) {
        // Nothing is current that was not before; the service goes on with it.
        if (is_to_run(session, before))
            start_jail(session, before);
        dependents.bring_up_all_the_same();
        jails.set_operation(before.id, std::nullopt);
        throw;
    }
    base::step("switch.committed");
    tell_conflicts(context, jail, merged);
    write_record(session, jail);
    return prove(session, jail, before.current, dependents);
}

Switched switch_back(Session& session, const catalog::Jail& before, std::int64_t generation) {
    catalog::Jails jails(session.catalog());
    catalog::Jail jail = before;
    Dependents dependents(session, jail);
    jails.set_operation(jail.id, "switch");
    base::step("switch.noted");
    dependents.take_down();
    stop_jail(session, jail);
    base::step("switch.stopped");
    catalog::Transaction transaction(session.catalog().database());
    jails.set_current(jail.id, generation);
    jails.set_operation(jail.id, unproven(before.current));
    transaction.commit();
    base::step("switch.committed");
    jail.current = generation;
    write_record(session, jail);
    return prove(session, jail, before.current, dependents);
}

} // namespace pkgjail::ops
