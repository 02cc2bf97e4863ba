// What the next command does about an operation that was killed after it had stopped a service.
#pragma once

#include <string>

#include "pkgjail/base/error.hpp"
#include "pkgjail/ops/session.hpp"

namespace pkgjail::ops {

/// Finishes what destroy had begun, where nothing but a jail's data is left. For every jail with a noted
/// operation whose command is dead (its lock is free): clears the note and, when the jail is meant to run,
/// starts its current generation again. Says what it did; a jail that does not start is told of and left
/// stopped, so that it does not hold up the present command. Returns the notes that are still there.
/// A generation that is not proven keeps its note where it was not tried: the jail is stopped, or its recipe
/// cannot be read. So does a jail that requires one which is left_to_a_person().
LeftNotes recover_jails(Session& session);
/// The same for one jail whose lock the caller has got: whoever had it until then may be dead, and have left
/// a note that nobody has tried to put right. One that is in `left` was tried by this command.
void recover_jail(Session& session, const std::string& name, LeftNotes& left);

/// Whether nothing that a command had begun is to be undone or proven.
bool only_asks_for_a_start(const std::string& note);
/// Of a jail that was just started: its note goes where it asks for nothing else.
void forget_note_of_start(Session& session, const catalog::Jail& jail);
/// "it is to be started again (restart)", "a command was interrupted (pause)": what its note says.
std::string note_in_words(const catalog::Jail& jail);
/// Error{conflict}: a command that needs a note of its own, on a jail whose note recovery could not take
/// away.
base::Error not_put_right(const catalog::Jail& jail);
/// Whether its note says that the current generation is not proven, and another one is to go back to.
bool is_unproven(const catalog::Jail& jail);
/// not_put_right() where it is: with another note nobody would know what to go back to.
void require_proven(const catalog::Jail& jail);
/// For who starts a jail that was stopped before its current generation was proven (is_unproven): proves it,
/// or puts the one before back and throws Error{unhealthy}.
void prove_current(Session& session, const catalog::Jail& jail);
/// Whether no note says where the jail's data or its log are.
bool is_in_place(const catalog::Jail& jail);
/// not_put_right() where they are not: with another note nobody knew, and what a service writes meanwhile is
/// lost. A service that is only to be started again hinders nobody.
void require_in_place(const catalog::Jail& jail);

} // namespace pkgjail::ops
