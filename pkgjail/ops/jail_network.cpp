#include "pkgjail/ops/jail_network.hpp"

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/confine/private_network.hpp"
#include "pkgjail/ops/dependents.hpp"
#include "pkgjail/ops/recover.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/settings.hpp"
#include "pkgjail/ops/start_jail.hpp"
#include "pkgjail/ops/switch_image.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

void put(Session& session, const catalog::Jail& jail) {
    catalog::Jails jails(session.catalog());
    catalog::Transaction transaction(session.catalog().database());
    check_claims(session.catalog(), jail);
    jails.update(jail);
    jails.set_address(jail.id, jail.address);
    transaction.commit();
    write_record(session, jail.id);
}

/// The service runs again as it did before, or with what the catalog has where that cannot be put back. The
/// failure that brought us here is what is thrown afterwards, so what fails here is warned of.
void go_on_with(Session& session, const catalog::Jail& before, Dependents& dependents) {
    catalog::Jails jails(session.catalog());
    const auto warn_of = [&](auto&& work) {
        try {
            work();
        } catch (const Error& error) {
            session.context().reporter.warn(fmt::format("jail {}: {}", before.name, error.what()));
        }
    };
    warn_of([&] { put(session, before); });
    bool is_over = false;
    warn_of([&] {
        const auto now = jails.find_by_id(before.id);
        is_over = start_again(session, now ? *now : before);
    });
    dependents.bring_up_all_the_same();
    if (is_over)
        warn_of([&] { jails.set_operation(before.id, std::nullopt); });
}

/// The note says that the service is down for a moment, so a command that dies in between is made good by
/// the next one, with whatever choice the catalog has then.
void restart_with(Session& session, catalog::Jail before, catalog::Jail after) {
    catalog::Jails jails(session.catalog());
    require_in_place(before);
    require_proven(before);
    require_room_to_start(session.context(), before);
    Dependents dependents(session, before);
    before.operation = after.operation = "switch";
    jails.set_operation(before.id, before.operation);
    base::step("network.noted");
    try {
        dependents.take_down();
        stop_jail(session, before);
        base::step("network.stopped");
        put(session, after);
        start_jail(session, after);
    } catch (...) {
        go_on_with(session, before, dependents);
        throw;
    }
    try {
        jails.set_operation(before.id, std::nullopt);
    } catch (...) { // it runs, and they wait for nothing else
        dependents.bring_up_all_the_same();
        throw;
    }
    dependents.bring_up();
}

/// Of what the kernel calls a jail, as jail_handle() writes it.
std::string id_of(const std::string& handle) {
    constexpr std::string_view before = "pkgjail-";
    return handle.starts_with(before) ? handle.substr(before.size()) : handle;
}

} // namespace

bool settle_address(const Context& context, catalog::Catalog& catalog, catalog::Jail& jail,
                    const std::optional<jail::RenderedRecipe>& recipe) {
    const std::string before = jail.address;
    const jail::AddressPool& pool = context.config.network_pool;
    if (!recipe || recipe->network != jail::NetworkMode::private_) {
        jail.address.clear();
        return !before.empty();
    }
    if (!pool.has_room_for(jail.address)) {
        const auto free = pool.first_free(catalog::Jails(catalog).taken_addresses());
        if (!free)
            throw Error(ErrorKind::conflict, jail.name,
                        fmt::format("no address is free for it: jails have all {} of network-pool {}",
                                    pool.size(), pool.str()),
                        "choose a larger network-pool in pkgjail.conf, or destroy a jail that has one");
        jail.address = *free;
    }
    if (const auto problem =
            confine::private_network_problem(*private_network(context, jail, recipe), jail.name))
        throw Error(*problem);
    return jail.address != before;
}

std::optional<confine::PrivateNetwork> private_network(const Context& context, const catalog::Jail& jail,
                                                       const std::optional<jail::RenderedRecipe>& recipe) {
    if (!recipe || recipe->network != jail::NetworkMode::private_)
        return std::nullopt;
    const jail::AddressPool& pool = context.config.network_pool;
    return confine::PrivateNetwork{jail.address, pool.gateway(), pool.str(), recipe->nat, recipe->publish};
}

void sweep_networks(const Context& context) {
    confine::PrivateNetworks networks(confine::network_notes(context.layout.state()));
    for (const std::string& handle : networks.handles()) {
        if (is_running(supervise::read_status(context.layout.run(id_of(handle)))))
            continue;
        try {
            const std::string name = networks.interface_of(handle);
            networks.take_down(handle);
            context.reporter.warn("removed what a jail left that was killed: its network " + name);
        } catch (const Error& error) {
            context.reporter.warn(
                fmt::format("what is left of a jail's network could not be removed: {}", error.what()));
        }
    }
}

void change_network(const Context& context, const std::string& name, const jail::NetworkChoice& choice) {
    Session session(context, "apply", name);
    const auto lock = session.lock_jail(name);
    const catalog::Jail before = require_jail(session.catalog(), name);
    catalog::Jail after = before;
    after.network_choice = choice;
    const auto recipe = rendered_recipe(context, after);
    if (!recipe)
        throw Error(ErrorKind::conflict, name, "has no recipe, so no service with a network");
    take_claims(after, *recipe);
    check_claims(session.catalog(), after);
    settle_address(context, session.catalog(), after, recipe);
    if (!context.dry_run) {
        if (is_running(supervise::read_status(context.layout.run(before.id))))
            restart_with(session, before, after);
        else
            put(session, after);
    }
    session.finish();
}

} // namespace pkgjail::ops
