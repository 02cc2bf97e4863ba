// What a new image's seed has and a jail's data lack, made there when a generation is made.
//
// Each directory and file is made under another name beside its place and gets it by a rename, so that none
// passes for whole that is not. All of one extension have the same random name, one after the other; the file
// jails/<id>/unplaced, written before, says it and the directories in which it may be, NUL after each. So
// what a killed command has left can be told from what others have there, whatever it is called.
#pragma once

#include <string>

#include "pkgjail/base/tree.hpp"
#include "pkgjail/store/layout.hpp"

namespace pkgjail::store {

/// With owner and mode, files with their time. Directories that exist are gone into, everything else that
/// exists is left alone. Directories are not synced.
void add_missing_data(const Layout& layout, const std::string& jail_id, const base::Tree& seed);

/// Removes what an add_missing_data() that was cut has left, if one was: the file or the empty directory of
/// the name that it noted, and then the note. To be called as well when what was added is on disk. The caller
/// holds the jail's lock.
void remove_unplaced_data(const Layout& layout, const std::string& jail_id);

} // namespace pkgjail::store
