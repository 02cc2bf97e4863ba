// `pkgjail lock`: a jail's packages, exactly; and what `install --locked` makes of it.
#pragma once

#include <string>

#include "pkgjail/ops/context.hpp"
#include "pkgjail/ops/installed.hpp"
#include "pkgjail/ops/lock_file.hpp"
#include "pkgjail/ops/obtain.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/solve/solver.hpp"

namespace pkgjail::ops {

/// Reads only.
LockFile lock(const Context& context, const std::string& jail);

/// Reads a lock file of the operator's. Error{not_found}, Error{corrupt}.
LockFile read_lock(const base::HostPath& file);

/// Throws Error{configuration} naming every setting of this host that would give another image: prefix,
/// policies. A different base is only told: its images have other ids.
void check_lock(const Context& context, const LockFile& lock);
/// The package set of the lock, in its order; steps against the image that the jail has (null: none yet).
/// Asks no solver. Error{conflict} where it would change a held package.
solve::Plan plan_of(const LockFile& lock, const Installed* before);
KnownArchives archives_of(const LockFile& lock);
/// Gives the lock's accounts the lock's numbers where they have none on this host and the numbers are free.
void take_account_numbers(Session& session, const LockFile& lock);

} // namespace pkgjail::ops
