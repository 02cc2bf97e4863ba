#include "pkgjail/ops/recover.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>

#include <fmt/core.h>

#include "pkgjail/ops/clone.hpp"
#include "pkgjail/ops/dependents.hpp"
#include "pkgjail/ops/limits.hpp"
#include "pkgjail/ops/prepare.hpp"
#include "pkgjail/ops/quiet_jail.hpp"
#include "pkgjail/ops/requirements.hpp"
#include "pkgjail/ops/restore.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/start_jail.hpp"
#include "pkgjail/ops/switch_image.hpp"
#include "pkgjail/store/jail_files.hpp"
#include "pkgjail/store/missing_data.hpp"
#include "pkgjail/store/secret_files.hpp"

namespace pkgjail::ops {

namespace {

constexpr std::string_view unproven = "start ";

/// 3 of "start 3".
std::optional<std::int64_t> noted_generation(std::string_view note) {
    if (!note.starts_with(unproven))
        return std::nullopt;
    const std::string_view digits = note.substr(unproven.size());
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc{} || end != digits.data() + digits.size())
        return std::nullopt;
    return number;
}

/// A jail that is required is down until a person starts it: of which one and why.
class LeftToAPerson : public RequiredJailFailed {
    using RequiredJailFailed::RequiredJailFailed;
};

std::int64_t generation_to_go_back_to(const catalog::Jail& jail) {
    const auto number = noted_generation(*jail.operation);
    if (!number)
        throw base::Error(
            base::ErrorKind::corrupt, "jail " + jail.name,
            fmt::format("its interrupted operation is noted as \"{}\", which names no generation",
                        *jail.operation));
    return *number;
}

/// Goes on where the dead command was: an unproven generation is proven or put back, otherwise the current
/// one is started again.
void settle(Session& session, const catalog::Jail& jail) {
    const Context& context = session.context();
    std::int64_t old = jail.current;
    if (jail.operation->starts_with(unproven))
        old = generation_to_go_back_to(jail);
    else if (is_up(supervise::read_status(context.layout.run(jail.id)))) {
        catalog::Jails(session.catalog()).set_operation(jail.id, std::nullopt);
        return;
    }
    if (jail.wanted_running)
        if (const auto why = left_to_a_person(session, jail))
            throw LeftToAPerson(*why);
    try {
        if (prove(session, jail, old).started)
            context.reporter.warn(fmt::format("jail {}: started again", jail.name));
    } catch (const RequiredJailFailed& error) {
        if (left_to_a_person(session, jail))
            throw LeftToAPerson(error);
        throw;
    }
}

bool has_moved_files(const std::string& note) {
    return set_aside_by_restore(note) || renamed_to(note);
}

/// Undoes what a dead command did to the jail's files and processes rather than to its generations.
void put_in_place(Session& session, const catalog::Jail& jail) {
    if (QuietJail::is_note(*jail.operation))
        QuietJail::resume_after_crash(session, jail);
    else if (is_note_of_limits(*jail.operation))
        put_limits_back(session, jail);
    else if (const auto snapshot = set_aside_by_restore(*jail.operation))
        undo_restore(session, jail, *snapshot);
    else if (const auto new_name = renamed_to(*jail.operation))
        undo_rename(session, jail, *new_name);
}

/// Of `jails` those with a note, each after the jails that it requires, since it cannot be started before
/// them.
std::vector<catalog::Jail> noted_jails(Session& session, const std::vector<catalog::Jail>& jails) {
    std::vector<catalog::Jail> noted;
    std::copy_if(jails.begin(), jails.end(), std::back_inserter(noted),
                 [](const catalog::Jail& jail) { return jail.operation.has_value(); });
    if (noted.size() < 2)
        return noted;
    std::vector<std::string> names;
    for (const catalog::Jail& jail : noted)
        names.push_back(jail.name);
    const auto order = read_requirements(session.context(), session.catalog()).sorted(names);
    std::sort(noted.begin(), noted.end(), [&](const catalog::Jail& a, const catalog::Jail& b) {
        return std::find(order.begin(), order.end(), a.name) < std::find(order.begin(), order.end(), b.name);
    });
    return noted;
}

/// If nothing but its data is left of the jail: a destroy was cut, or failed, before its commit.
void finish_destruction(Session& session, const catalog::Jail& jail) {
    const Context& context = session.context();
    catalog::Jails jails(session.catalog());
    const base::Tree directories = base::Tree::open(context.layout.jails());
    // destroy stops a jail for good, and takes none with snapshots: with these its files are lost otherwise.
    if (jail.wanted_running || !store::has_only_data(directories, jail.id) ||
        !catalog::Snapshots(session.catalog()).of_jail(jail.id).empty())
        return;
    const auto lock = base::Lock::try_take(context.layout.jail_lock(jail.name), base::LockMode::exclusive,
                                           "recover " + jail.name);
    const auto now = lock ? jails.find_by_id(jail.id) : std::nullopt;
    if (!now || now->name != jail.name || !store::has_only_data(directories, jail.id))
        return; // gone, or its command is alive and at work, under this lock or that of another name
    jails.remove(jail.id);
    store::remove_secrets(context.layout, jail.id);
    base::Tree::open(context.layout.runs()).remove_all(base::RootPath::parse(jail.id));
    context.reporter.warn(fmt::format("jail {}: its interrupted destroy is done; its data is kept in {}",
                                      jail.name, context.layout.jail_data(jail.id).string()));
}

void finish_destructions(Session& session, const std::vector<catalog::Jail>& jails) {
    for (const catalog::Jail& jail : jails)
        try {
            finish_destruction(session, jail);
        } catch (const base::Error& error) {
            session.context().reporter.warn(
                fmt::format("jail {}: a destroy of it may have been cut, and could not be finished: {}; the "
                            "next command tries again",
                            jail.name, error.what()));
        }
}

} // namespace

bool only_asks_for_a_start(const std::string& note) {
    return note == "restart" || note == Dependents::note;
}

std::string note_in_words(const catalog::Jail& jail) {
    const std::string note = jail.operation.value_or("");
    if (is_unproven(jail))
        return fmt::format("a command was interrupted before generation {} had proved itself", jail.current);
    const bool is_to_start = jail.wanted_running && only_asks_for_a_start(note);
    return fmt::format("{} ({})", is_to_start ? "it is to be started again" : "a command was interrupted",
                       note);
}

base::Error not_put_right(const catalog::Jail& jail) {
    return {base::ErrorKind::conflict, jail.name, "has to be put right first: " + note_in_words(jail),
            is_unproven(jail) && !jail.wanted_running
                ? "pkgjail start " + jail.name
                : "every command that changes something tries that, and says why it cannot"};
}

void forget_note_of_start(Session& session, const catalog::Jail& jail) {
    if (jail.operation && only_asks_for_a_start(*jail.operation))
        catalog::Jails(session.catalog()).set_operation(jail.id, std::nullopt);
}

bool is_unproven(const catalog::Jail& jail) {
    const auto old = noted_generation(jail.operation.value_or(""));
    return old && *old != jail.current;
}

void require_proven(const catalog::Jail& jail) {
    if (is_unproven(jail))
        throw not_put_right(jail);
}

void prove_current(Session& session, const catalog::Jail& jail) {
    prove(session, jail, generation_to_go_back_to(jail));
}

bool is_in_place(const catalog::Jail& jail) {
    return !jail.operation || !has_moved_files(*jail.operation);
}

void require_in_place(const catalog::Jail& jail) {
    if (!is_in_place(jail))
        throw not_put_right(jail);
}

namespace {

/// False only where its recipe has no service any more.
bool may_be_started(const Context& context, const catalog::Jail& jail) {
    try {
        const auto recipe = rendered_recipe(context, jail);
        return recipe && !recipe->services.empty();
    } catch (const base::Error&) {
        return true; // who starts it is told why that cannot be read
    }
}

/// Litter keeps no service from being started.
void remove_unplaced(const Context& context, const catalog::Jail& jail) {
    try {
        store::remove_unplaced_data(context.layout, jail.id);
    } catch (const base::Error& error) {
        context.reporter.warn(fmt::format(
            "what an interrupted command left in the data of jail {} could not be removed: {}; the next "
            "upgrade tries again",
            jail.name, error.what()));
    }
}

/// Under the jail's lock.
void put_right(Session& session, const catalog::Jail& jail) {
    if (is_unproven(jail) && !jail.wanted_running && may_be_started(session.context(), jail))
        return; // it was stopped meanwhile, and its next start proves it
    const Context& context = session.context();
    catalog::Jails jails(session.catalog());
    context.reporter.warn(
        fmt::format("jail {}: {}; generation {} is current", jail.name, note_in_words(jail), jail.current));
    try {
        put_in_place(session, jail);
    } catch (const base::Error& error) {
        // The note stays, because it says where the jail's data are.
        context.reporter.warn(
            fmt::format("jail {}: {}; the next command tries again", jail.name, error.what()));
        return;
    }
    remove_unplaced(context, jail);
    const auto in_place = jails.find_by_id(jail.id);
    if (!in_place || !in_place->operation)
        return;
    try {
        settle(session, *in_place);
    } catch (const LeftToAPerson& error) {
        context.reporter.warn(
            fmt::format("jail {0}: {1}; pkgjail start {0} starts both, pkgjail stop {0} leaves it down",
                        jail.name, error.what()));
    } catch (const base::Error& error) {
        // Another command has a jail that requires it; or this host failed, and not the service.
        if (is_worth_another_try(error)) {
            context.reporter.warn(
                fmt::format("jail {}: {}; the next command tries again", jail.name, error.what()));
            return;
        }
        // It was tried and told; a person decides from here. Where a generation was put back, that has
        // decided about the note already; where it could neither be tried nor put back, it is not proven yet.
        const auto now = jails.find_by_id(jail.id);
        const bool is_left = now && now->current == in_place->current && is_unproven(*now);
        if (now && now->current == in_place->current && !is_left)
            jails.set_operation(now->id, std::nullopt);
        context.reporter.warn(fmt::format("jail {}: {}{}", jail.name, error.what(),
                                          is_left ? "; the next command tries again" : ""));
    }
}

/// The same, and remembers what note is still there then.
void try_to_put_right(Session& session, const catalog::Jail& jail, LeftNotes& left) {
    put_right(session, jail);
    const auto now = catalog::Jails(session.catalog()).find_by_id(jail.id);
    if (now && now->operation)
        left[jail.id] = *now->operation;
}

} // namespace

LeftNotes recover_jails(Session& session) {
    const Context& context = session.context();
    catalog::Jails jails(session.catalog());
    // Read once; who has to be helped is looked up again when his lock is held.
    const std::vector<catalog::Jail> all = jails.all();
    finish_destructions(session, all);
    undo_dead_preparations(session, all); // before a jail is started on what they left
    LeftNotes left;
    for (const catalog::Jail& noted : noted_jails(session, all)) {
        const auto lock = base::Lock::try_take(context.layout.jail_lock(noted.name),
                                               base::LockMode::exclusive, "recover " + noted.name);
        if (!lock)
            continue; // its command is alive and at work
        const auto jail = jails.find_by_id(noted.id);
        if (!jail || !jail->operation || jail->name != noted.name)
            continue; // done meanwhile, or renamed: it is under another lock
        try_to_put_right(session, *jail, left);
    }
    return left;
}

void recover_jail(Session& session, const std::string& name, LeftNotes& left) {
    const auto jail = catalog::Jails(session.catalog()).find(name);
    if (!jail || !jail->operation)
        return;
    const auto tried = left.find(jail->id);
    if (tried == left.end() || tried->second != *jail->operation)
        try_to_put_right(session, *jail, left);
}

} // namespace pkgjail::ops
