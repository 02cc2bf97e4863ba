// A recipe's [prepare]: the directory of a service's data is made, and filled by a command that runs in the
// jail as the service does, once, before the first start.
//
// The file jails/<id>/prepared says how far that is: "begun PATH HANDLE" while the command runs, "done PATH"
// from then on. What a preparation left that did not come to its end is removed: the directory was empty when
// it began, and no service has run on it. A directory that was prepared, or had data at a start, and is empty
// now is never filled again unasked: data are missing, and a fresh database would hide it.
#pragma once

#include <vector>

#include "pkgjail/ops/session.hpp"
#include "pkgjail/supervise/supervisor.hpp"

namespace pkgjail::ops {

/// Before a start, by the holder of the jail's lock; `service` is what is about to be started. Nothing to do
/// without [prepare], and where there are data. Error{unhealthy} with the command's last words when it fails,
/// Error{conflict} when data are gone.
void prepare_jail(const Context& context, const catalog::Jail& jail,
                  const supervise::SupervisedService& service);

/// Only whether data are gone, by Error{conflict}.
void require_prepared_data(const Context& context, const catalog::Jail& jail, const confine::JailSpec& spec);

/// Undoes preparations whose command has died, of those `jails` that nobody has locked.
void undo_dead_preparations(Session& session, const std::vector<catalog::Jail>& jails);

/// The next start prepares anew if the directory is empty. The caller holds the jail's lock.
void forget_preparation(const Context& context, const catalog::Jail& jail);
/// The same, as `start --prepare`: takes the lock.
void prepare_anew(const Context& context, const std::string& jail);

} // namespace pkgjail::ops
