// What the next command does about an operation that was killed after it had stopped a service.
#pragma once

#include "pkgjail/ops/session.hpp"

namespace pkgjail::ops {

/// Finishes what destroy had begun, where nothing but a jail's data is left. For every jail with a noted
/// operation whose command is dead (its lock is free): clears the note and, when the jail is meant to run,
/// starts its current generation again. Says what it did; a jail that does not start is told of and left
/// stopped, so that it does not hold up the present command.
void recover_jails(Session& session);

} // namespace pkgjail::ops
