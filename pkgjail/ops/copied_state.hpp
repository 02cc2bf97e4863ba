// A copy of a state directory whose jails run: what it says of processes is about those of the original,
// which this host's kernel knows by the same names.
#pragma once

#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

/// Marks run/ as this state directory's; in a copy, it is emptied before, with a warning. For a command that
/// changes something, before it reads what runs. Error{busy} when another one is at work there.
void take_runs(const Context& context);

/// Whether run/ still is what was copied, or was.
bool is_copied_state(const Context& context);

/// Error{conflict} when the jail does not run here, but where its state directory was copied from: it would
/// be ended there, or entered.
void refuse_beside_original(const Context& context, const catalog::Jail& jail);

} // namespace pkgjail::ops
