#include "pkgjail/ops/lifecycle.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "pkgjail/base/step.hpp"
#include "pkgjail/catalog/snapshots.hpp"
#include "pkgjail/jail/suggest.hpp"
#include "pkgjail/ops/dependents.hpp"
#include "pkgjail/ops/learned.hpp"
#include "pkgjail/ops/prune.hpp"
#include "pkgjail/ops/recover.hpp"
#include "pkgjail/ops/requirements.hpp"
#include "pkgjail/ops/restart_jail.hpp"
#include "pkgjail/ops/restore.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/ops/start_jail.hpp"
#include "pkgjail/ops/switch_image.hpp"
#include "pkgjail/store/committed.hpp"
#include "pkgjail/store/jail_files.hpp"
#include "pkgjail/store/secret_files.hpp"
#include "pkgjail/store/snapshot_files.hpp"
#include "pkgjail/supervise/service_json.hpp"
#include "pkgjail/supervise/supervisor.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using supervise::ServiceState;
using supervise::ServiceStatus;

namespace {

ServiceStatus status_of(const Context& context, const catalog::Jail& jail) {
    return supervise::read_status(context.layout.run(jail.id));
}

/// What runs counts as well: the recipe may have been changed since the start.
void require_service_of(const jail::RenderedRecipe& recipe, const ServiceStatus& status,
                        const std::string& jail, const std::string& service) {
    std::vector<std::string> names;
    for (const jail::Service& one : recipe.services)
        names.push_back(one.name);
    for (const supervise::ServicePart& part : status.further)
        if (std::find(names.begin(), names.end(), part.name) == names.end())
            names.push_back(part.name);
    if (std::find(names.begin(), names.end(), service) == names.end())
        throw Error(
            ErrorKind::not_found, jail + "/" + service,
            fmt::format("the jail has no service of this name, there are: {}", jail::enumerate(names)),
            jail::did_you_mean(service, names));
}

/// One that is not among the further ones is the first, with which the jail runs.
bool is_part_up(const ServiceStatus& status, const std::string& service) {
    const auto part = std::find_if(status.further.begin(), status.further.end(),
                                   [&](const supervise::ServicePart& one) { return one.name == service; });
    return part == status.further.end() ||
           (part->state != ServiceState::stopped && part->state != ServiceState::failed);
}

/// What runs was launched with a recipe that was right; one that is not any more hinders no reload.
void require_running(const Context& context, const catalog::Jail& jail) {
    if (is_running(status_of(context, jail)))
        return;
    require_service(context, jail);
    throw Error(ErrorKind::conflict, jail.name, "does not run", "pkgjail start " + jail.name);
}

void tell_to_reload(const Context& context, const catalog::Jail& jail) {
    require_running(context, jail);
    try {
        supervise::reload(context.layout.run(jail.id));
    } catch (const Error& error) {
        throw Error(error.kind(), jail.name, error.cause(),
                    error.hint().empty() ? "pkgjail restart " + jail.name : error.hint());
    }
}

/// What a dry run of a reload can know: whether the supervisor would refuse it. `service`: empty for all.
void require_reloadable(const Context& context, const catalog::Jail& jail, const std::string& service) {
    require_running(context, jail);
    const supervise::SupervisedService told = supervise::read_service(context.layout.run(jail.id));
    const auto is_it = [&](const jail::Service& one) {
        return one.name == service && one.reload_signal != 0;
    };
    const bool takes_it =
        service.empty()
            ? told.can_reload()
            : is_it(told.service) || std::any_of(told.further.begin(), told.further.end(),
                                                 [&](const auto& one) { return is_it(one.service); });
    if (!takes_it)
        throw Error(
            ErrorKind::conflict, service.empty() ? jail.name : "service " + service,
            "the service has no reload signal",
            fmt::format("pkgjail restart {}", service.empty() ? jail.name : jail.name + "/" + service));
}

} // namespace

LifecycleResult restart(const Context& context, const std::string& name,
                        const std::optional<LearnRequest>& learn) {
    Session session(context, "restart", name);
    const auto lock = session.lock_jail(name);
    const catalog::Jail jail = require_jail(session.catalog(), name);
    std::optional<jail::Profile> learning;
    if (learn)
        learning = profile_to_learn(context, jail, *learn);
    if (context.dry_run)
        return {name, true, status_of(context, jail), {}, {}};
    require_service(context, jail);
    if (learning)
        require_learning(context);
    require_in_place(jail);
    require_proven(jail);
    LifecycleResult result{name, true, {}, {}, {}};
    result.status = restart_jail(session, jail, learning);
    session.finish();
    return result;
}

LifecycleResult reset_failed(const Context& context, const std::string& name) {
    Session session(context, "reset-failed", name);
    const auto lock = session.lock_jail(name);
    const catalog::Jail jail = require_jail(session.catalog(), name);
    LifecycleResult result{name, status_of(context, jail).state == ServiceState::failed, {}, {}, {}};
    if (result.changed && !context.dry_run) {
        want_running(session, jail, false);
        supervise::reset_failed(context.layout.run(jail.id));
    }
    result.status = status_of(context, jail);
    session.finish();
    return result;
}

LifecycleResult reload(const Context& context, const std::string& name) {
    Session session(context, "reload", name);
    const auto lock = session.lock_jail(name);
    const catalog::Jail jail = require_jail(session.catalog(), name);
    if (context.dry_run)
        require_reloadable(context, jail, "");
    else
        tell_to_reload(context, jail);
    session.finish();
    return {name, true, status_of(context, jail), {}, {}};
}

namespace {

std::vector<std::string> those(const Context& context, const std::vector<std::string>& names,
                               const std::function<bool(const catalog::Jail&)>& is_able) {
    std::vector<std::string> able;
    auto catalog = open_for_reading(context);
    if (!catalog)
        return able;
    for (const std::string& name : names) {
        bool keep = true;
        try {
            keep = is_able(require_jail(*catalog, name));
        } catch (const Error&) {
            // Whoever acts on it finds the same, and tells it.
        }
        if (keep)
            able.push_back(name);
    }
    return able;
}

} // namespace

std::vector<std::string> with_service(const Context& context, const std::vector<std::string>& jails) {
    return those(context, jails, [&](const catalog::Jail& jail) {
        const auto recipe = rendered_recipe(context, jail);
        return recipe && !recipe->services.empty();
    });
}

std::vector<std::string> with_reload(const Context& context, const std::vector<std::string>& jails) {
    return those(context, jails, [&](const catalog::Jail& jail) {
        if (!is_running(status_of(context, jail)))
            return false;
        // As it was launched: the recipe may have been changed since.
        return supervise::read_service(context.layout.run(jail.id)).can_reload();
    });
}

LifecycleResult ask_service(const Context& context, const std::string& name, const std::string& service,
                            supervise::ServiceVerb verb) {
    using supervise::ServiceVerb;
    const char* word = verb == ServiceVerb::start     ? "start"
                       : verb == ServiceVerb::stop    ? "stop"
                       : verb == ServiceVerb::restart ? "restart"
                                                      : "reload";
    Session session(context, word, name);
    const auto lock = session.lock_jail(name);
    const catalog::Jail jail = require_jail(session.catalog(), name);
    LifecycleResult result{name, true, status_of(context, jail), {}, {}};
    if (verb == ServiceVerb::stop && !is_running(result.status)) {
        result.changed = false;
    } else {
        if (!is_running(result.status))
            throw Error(ErrorKind::conflict, name, "does not run, and its services only with it",
                        "pkgjail start " + name);
        std::chrono::milliseconds patience = std::chrono::seconds(10);
        if (const auto recipe = rendered_recipe(context, jail)) {
            require_service_of(*recipe, result.status, name, service);
            for (const jail::Service& one : recipe->services)
                if (one.name == service)
                    patience += one.stop_timeout + one.health.grace + one.health.timeout * 2;
        }
        if (!context.dry_run) {
            result.changed = supervise::ask_service(context.layout.run(jail.id), service, verb, patience);
            base::step("service.asked");
        } else if (verb == ServiceVerb::reload) {
            require_reloadable(context, jail, service);
        } else if (verb != ServiceVerb::restart) {
            const bool wanted_up = verb == ServiceVerb::start;
            result.changed = is_part_up(result.status, service) != wanted_up;
        }
    }
    result.status = status_of(context, jail);
    session.finish();
    return result;
}

LifecycleResult destroy(const Context& context, const std::string& name, bool with_data) {
    Session session(context, "destroy", name);
    const auto lock = session.lock_jail(name);
    const catalog::Jail jail = require_jail(session.catalog(), name);
    LifecycleResult result{name, true, status_of(context, jail), {}, {}};
    for (const std::string& other : read_requirements(context, session.catalog()).dependents(name)) {
        const catalog::Jail dependent = require_jail(session.catalog(), other);
        const bool runs = is_running(status_of(context, dependent));
        if (runs || (dependent.operation && dependent.wanted_running))
            throw Error(
                ErrorKind::conflict, name,
                fmt::format("is required by jail {}, which {}", other, runs ? "runs" : "is to run again"),
                fmt::format("stop it first, or destroy both: pkgjail destroy {} {}", other, name));
    }
    const auto snapshots = catalog::Snapshots(session.catalog()).of_jail(jail.id);
    if (!with_data && !snapshots.empty())
        throw Error(ErrorKind::conflict, name,
                    fmt::format("has {} snapshot{}, which cannot be without it", snapshots.size(),
                                snapshots.size() == 1 ? "" : "s"),
                    "drop them first, or destroy it --with-data");
    if (context.dry_run)
        return result;
    if (with_data && !context.reporter.confirm(fmt::format("Destroy jail {} and all of its data{}?", name,
                                                           snapshots.empty() ? "" : ", with its snapshots")))
        throw Error(ErrorKind::usage, name, "not destroyed, because the question was not answered with yes",
                    "repeat it with --yes");
    if (!with_data)
        require_in_place(jail); // or what is kept is not what the jail had
    want_running(session, jail, false);
    stop_jail(session, jail);
    base::step("destroy.stopped");
    // The catalog forgets the jail first: cut afterwards, sweep() finds a directory that it does not know.
    store::require_unmounted(context.layout, jail.id);
    if (with_data) {
        std::vector<std::string> ids;
        for (const catalog::Snapshot& snapshot : snapshots)
            ids.push_back(snapshot.id);
        if (const auto aside = set_aside_by_restore(jail.operation.value_or("")))
            ids.push_back(*aside); // of a restore that could not be undone
        store::mark_unwanted(context.layout.jail(jail.id));
        for (const std::string& id : ids)
            store::mark_unwanted(context.layout.snapshot(id));
        catalog::Jails(session.catalog()).remove(jail.id);
        base::step("destroy.forgotten");
        store::remove_jail(context.layout, jail.id);
        for (const std::string& id : ids)
            store::remove_snapshot(context.layout, id);
    } else {
        store::remove_jail_but_data(context.layout, jail.id, [&] {
            base::step("destroy.emptied");
            catalog::Jails(session.catalog()).remove(jail.id);
            base::step("destroy.forgotten");
        });
        context.reporter.warn(
            fmt::format("data of jail {} is kept in {}", name, context.layout.jail_data(jail.id).string()));
    }
    for (const catalog::VolumeUseRow& volume : jail.volumes)
        context.reporter.warn(fmt::format("volume {} stays; pkgjail volume destroy {} removes it",
                                          volume.volume, volume.volume));
    base::Tree::open(context.layout.runs()).remove_all(base::RootPath::parse(jail.id));
    store::remove_secrets(context.layout, jail.id);
    remove_unreferenced_images(session);
    result.status = {};
    session.finish();
    return result;
}

} // namespace pkgjail::ops
