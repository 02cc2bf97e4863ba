#include "pkgjail/ops/dependents.hpp"

#include <optional>

#include <fmt/format.h>

#include "pkgjail/base/step.hpp"
#include "pkgjail/ops/requirements.hpp"
#include "pkgjail/ops/start_jail.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

Dependents::Dependents(Session& session, const catalog::Jail& jail) : session_(session), required_(jail) {
    const Context& context = session_.context();
    catalog::Jails jails(session_.catalog());
    for (const std::string& name : read_requirements(context, session_.catalog()).dependents(jail.name)) {
        const catalog::Jail seen = require_jail(session_.catalog(), name);
        const bool left_down = seen.operation == note;
        // One with another note belongs to a dead command, and recovery has not come to it yet.
        if (!left_down &&
            (seen.operation || !is_running(supervise::read_status(context.layout.run(seen.id)))))
            continue;
        auto lock = session_.lock_jail(name);
        if (lock)
            entries_.push_back({require_jail(session_.catalog(), name), std::move(*lock)});
    }
}

void Dependents::take_down() {
    if (entries_.empty())
        return;
    const Context& context = session_.context();
    catalog::Transaction transaction(session_.catalog().database());
    for (const Entry& entry : entries_)
        catalog::Jails(session_.catalog()).set_operation(entry.jail.id, std::string(note));
    transaction.commit();
    base::step("dependents.noted");
    for (const Entry& entry : entries_) {
        context.reporter.warn(fmt::format("jail {} is stopped for the time being, because it requires {}",
                                          entry.jail.name, required_.name));
        stop_jail(session_, entry.jail);
        base::step("dependents.stopped");
    }
}

std::optional<std::string> Dependents::missing_for(const catalog::Jail& jail) const {
    const Context& context = session_.context();
    const auto is_up = [&](const catalog::Jail& required) {
        const auto state = supervise::read_status(context.layout.run(required.id)).state;
        return state == supervise::ServiceState::ready || state == supervise::ServiceState::unhealthy;
    };
    for (const std::string& name : read_requirements(context, session_.catalog()).start_order(jail.name)) {
        if (name == required_.name && !is_up(required_))
            return name;
        for (const Entry& entry : entries_)
            if (name != jail.name && name == entry.jail.name && !is_up(entry.jail))
                return name;
    }
    return std::nullopt;
}

void Dependents::bring_up() {
    std::optional<Error> first;
    for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
        bool is_over = true; // also where it was tried in vain, and told
        try {
            if (const auto missing = missing_for(entry->jail))
                throw Error(ErrorKind::busy, entry->jail.name,
                            fmt::format("jail {}, which it requires, does not run", *missing),
                            "the next command that changes something tries again");
            start_jail(session_, entry->jail);
            session_.context().reporter.warn(fmt::format("jail {} is started again", entry->jail.name));
        } catch (Error& error) {
            is_over = !is_worth_another_try(error);
            error.add_context(
                fmt::format("start jail {}, which requires {}", entry->jail.name, required_.name));
            if (!first)
                first = error;
            else
                session_.context().reporter.warn(error.what());
        }
        base::step("dependents.started");
        if (is_over)
            catalog::Jails(session_.catalog()).set_operation(entry->jail.id, std::nullopt);
    }
    if (first)
        throw Error(*first);
}

void Dependents::bring_up_all_the_same() noexcept {
    try {
        bring_up();
    } catch (const std::exception& error) {
        session_.context().reporter.warn(error.what());
    }
}

} // namespace pkgjail::ops
