#include "pkgjail/ops/recover.hpp"

#include <fmt/core.h>

#include "pkgjail/ops/start_jail.hpp"

namespace pkgjail::ops {

void recover_jails(Session& session) {
    const Context& context = session.context();
    catalog::Jails jails(session.catalog());
    for (const catalog::Jail& noted : jails.all()) {
        if (!noted.operation)
            continue;
        const auto lock = base::Lock::try_take(context.layout.jail_lock(noted.name),
                                               base::LockMode::exclusive, "recover " + noted.name);
        if (!lock)
            continue; // its command is alive and at work
        const auto jail = jails.find_by_id(noted.id);
        if (!jail || !jail->operation)
            continue;
        jails.set_operation(jail->id, std::nullopt);
        context.reporter.warn(
            fmt::format("jail {}: a command was interrupted ({}); generation {} stays current", jail->name,
                        *jail->operation, jail->current));
        if (!jail->wanted_running || is_running(supervise::read_status(context.layout.run(jail->id))))
            continue;
        try {
            start_jail(session, *jail);
            context.reporter.warn(fmt::format("jail {}: started again", jail->name));
        } catch (const base::Error& error) {
            context.reporter.warn(
                fmt::format("jail {}: could not be started again: {}", jail->name, error.what()));
        }
    }
}

} // namespace pkgjail::ops
