#include "pkgjail/ops/dependents.hpp"

#include <exception>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "pkgjail/base/step.hpp"
#include "pkgjail/ops/requirements.hpp"
#include "pkgjail/ops/start_jail.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

bool is_up(const Context& context, const catalog::Jail& jail) {
    return ops::is_up(supervise::read_status(context.layout.run(jail.id)));
}

} // namespace

Dependents::Dependents(Session& session, const catalog::Jail& jail) : session_(session), required_(jail) {
    const Context& context = session_.context();
    // Nobody loses anything by what happens to a jail that does not run.
    const supervise::ServiceStatus status = supervise::read_status(context.layout.run(jail.id));
    const bool runs = is_running(status);
    const auto is_concerned = [&](const catalog::Jail& other) {
        const bool other_runs = is_running(supervise::read_status(context.layout.run(other.id)));
        if (is_left_down(other))
            return runs || !other_runs;
        return runs && other_runs;
    };
    for (const std::string& name : read_requirements(context, session_.catalog()).dependents(jail.name)) {
        const catalog::Jail found = require_jail(session_.catalog(), name);
        if (!is_concerned(found))
            continue;
        // Whoever has one that is down waits for the lock of the jail that is here, to start that first, as
        // long as it is not up: then it is left to him, or to the next command by its note.
        const bool may_wait_for_us =
            !ops::is_up(status) && !is_running(supervise::read_status(context.layout.run(found.id)));
        JailLock lock = may_wait_for_us ? session_.try_lock_jail(name) : session_.lock_jail(name);
        if (!lock) {
            context.reporter.warn(fmt::format("jail {} is left to the command that holds it", name));
            continue;
        }
        // Whoever had the lock until now may have stopped it, or be rid of it.
        const auto now = catalog::Jails(session_.catalog()).find(name);
        if (!now || !is_concerned(*now))
            continue;
        // Another note is one that could not be put right, or that recovery has not come to yet.
        if (!now->operation || now->operation == note)
            entries_.push_back({*now, std::move(lock), is_left_down(*now), is_left_down(*now)});
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
    for (Entry& entry : entries_)
        entry.jail.operation = note;
    base::step("dependents.noted");
    for (Entry& entry : entries_) {
        if (is_running(supervise::read_status(context.layout.run(entry.jail.id))))
            context.reporter.warn(fmt::format("jail {} is stopped for the time being, because it requires {}",
                                              entry.jail.name, required_.name));
        entry.is_down = true; // or half of it, when this fails
        stop_jail(session_, entry.jail);
        base::step("dependents.stopped");
    }
}

std::optional<std::string> Dependents::missing_for(const catalog::Jail& jail) const {
    const Context& context = session_.context();
    for (const std::string& name : read_requirements(context, session_.catalog()).start_order(jail.name)) {
        if (name == required_.name && !is_up(context, required_))
            return name;
        for (const Entry& entry : entries_)
            if (name != jail.name && name == entry.jail.name && !is_up(context, entry.jail))
                return name;
    }
    return std::nullopt;
}

void Dependents::start(const Entry& entry) {
    const Context& context = session_.context();
    if (!entry.is_down || is_up(context, entry.jail))
        return;
    if (const auto missing = missing_for(entry.jail))
        throw Error(ErrorKind::busy, entry.jail.name,
                    fmt::format("jail {}, which it requires, does not run", *missing),
                    "the next command that changes something tries again");
    if (is_running(supervise::read_status(context.layout.run(entry.jail.id))))
        stop_jail(session_, entry.jail); // without its supervisor, or on its way up or down
    if (entry.was_left_down)
        if (const auto why = left_to_a_person(session_, entry.jail))
            throw RequiredJailFailed(*why);
    start_jail(session_, entry.jail);
    context.reporter.warn(fmt::format("jail {} is started again", entry.jail.name));
}

void Dependents::bring_up() {
    struct Failure {
        std::exception_ptr thrown; // of the type that it has
        std::string text;
        bool is_over;
    };
    std::optional<Failure> first;
    for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
        bool is_over = true; // also where it was tried in vain, and told
        try {
            start(*entry);
        } catch (Error& error) {
            is_over = !is_worth_another_try(error);
            error.add_context(
                fmt::format("start jail {}, which requires {}", entry->jail.name, required_.name));
            Failure failure{std::current_exception(), error.what(), is_over};
            if (first && is_over && !first->is_over)
                std::swap(*first, failure);
            if (first)
                session_.context().reporter.warn(failure.text);
            else
                first = std::move(failure);
        }
        try {
            base::step("dependents.started");
            if (is_over && entry->jail.operation) {
                catalog::Jails(session_.catalog()).set_operation(entry->jail.id, std::nullopt);
                entry->jail.operation.reset();
            }
        } catch (const Error& error) {
            // It says nothing about a service, and must not hide what one said; the next command finds the
            // note, and sees whether the service runs.
            session_.context().reporter.warn(
                fmt::format("jail {}: it is still noted as stopped: {}", entry->jail.name, error.what()));
        }
    }
    if (first)
        std::rethrow_exception(first->thrown);
}

void Dependents::bring_up_all_the_same() noexcept {
    try {
        bring_up();
    } catch (const std::exception& error) {
        session_.context().reporter.warn(error.what());
    }
}

} // namespace pkgjail::ops
