// Whether two entries of trees are the same: type, owner, mode and content. Times are no part of it.
#pragma once

#include "pkgjail/base/tree.hpp"

namespace pkgjail::store {

/// "file", "symbolic link", "directory", "FIFO", "socket", "device".
const char* type_name(const base::Entry& entry);

/// Content of two regular files, read only when their sizes are equal. Error{not_found} for one that has gone
/// since it was looked at.
bool same_content(const base::Tree& tree_a, const base::Entry& a, const base::Tree& tree_b,
                  const base::Entry& b);

/// Of two entries of one type: their owner and, but for symbolic links, their mode.
bool same_owner_and_mode(const base::Entry& a, const base::Entry& b);

/// Type, owner, mode, target of a link, content of a file, read from both only when their sizes are equal.
/// What is in a directory does not count. FIFOs, sockets and devices are never the same.
bool same_entry(const base::Tree& tree_a, const base::Entry& a, const base::Tree& tree_b,
                const base::Entry& b);

} // namespace pkgjail::store
