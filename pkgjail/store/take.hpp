// Putting one path of a jail's configuration back to what the jail began with.
#pragma once

#include "pkgjail/store/beginning.hpp"

namespace pkgjail::store {

/// Whether take() would change anything. Of a directory that both have only owner and mode count.
bool differs_from(const Beginning& beginning, const base::Tree& config, const base::RootPath& path);

/// Puts in place what `beginning` has at `path`: a file or link with owner and mode, a directory with all
/// that is in it where the configuration has something else there, else its owner and mode. Where it has
/// nothing there, the configuration's is removed, a directory with all that is in it.
///
/// The jail may be running and hostile. What is to be put in place is made where no jail sees it, and
/// renamed; a file takes a file's place in one step. Directories on the way are made as `beginning` has them.
/// A link on the way is Error{corrupt}, and nothing is changed. Synced when it returns.
void take(const Beginning& beginning, const base::Tree& config, const base::RootPath& path);

/// Removes what a take() that was killed had made ready. What it had already moved out of the way stays until
/// the next one: that may be the only copy of it.
void discard_take(const base::Tree& config);

} // namespace pkgjail::store
