#include "pkgjail/ops/jail_network.hpp"

#include "pkgjail/base/step.hpp"
#include "pkgjail/ops/dependents.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/settings.hpp"
#include "pkgjail/ops/start_jail.hpp"
#include "pkgjail/ops/switch_image.hpp"

namespace pkgjail::ops {

namespace {

void put(Session& session, const catalog::Jail& jail) {
    catalog::Jails(session.catalog()).update(jail);
    write_record(session, jail.id);
}

/// The note says that the service is down for a moment, so a command that dies in between is made good by
/// the next one, with whatever choice the catalog has then.
void restart_with(Session& session, catalog::Jail before, catalog::Jail after) {
    catalog::Jails jails(session.catalog());
    require_room_to_start(session.context());
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
    } catch (const base::Error&) {
        put(session, before);
        start_jail(session, before);
        dependents.bring_up_all_the_same();
        jails.set_operation(before.id, std::nullopt);
        throw;
    }
    dependents.bring_up();
    jails.set_operation(before.id, std::nullopt);
}

} // namespace

void change_network(const Context& context, const std::string& name, const jail::NetworkChoice& choice) {
    Session session(context, "apply", name);
    const auto lock = session.lock_jail(name);
    const catalog::Jail before = require_jail(session.catalog(), name);
    catalog::Jail after = before;
    after.network_choice = choice;
    const auto recipe = rendered_recipe(context, after);
    if (!recipe)
        throw base::Error(base::ErrorKind::conflict, name, "has no recipe, so no service with a network");
    take_claims(after, *recipe);
    check_claims(session.catalog(), after);
    if (!context.dry_run) {
        if (is_running(supervise::read_status(context.layout.run(before.id))))
            restart_with(session, before, after);
        else
            put(session, after);
    }
    session.finish();
}

} // namespace pkgjail::ops
