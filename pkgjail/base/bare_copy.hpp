// Copies of a stranger's files without anything that gives rights to somebody.
#pragma once

#include "pkgjail/base/attributes.hpp"
#include "pkgjail/base/tree.hpp"

namespace pkgjail::base {

struct BareCopy {
    /// Of the file or directory that was read. It may be another file than the one that was listed.
    struct stat status {};
    Attributes left_out; ///< access lists, capabilities and labels: all but what users note ("user.…")
};

/// A file, link or directory (without what is in it) of `from`, to the same path of `to`, whose parent is
/// there, with content, holes, time and the attributes that users note. It belongs to us, mode 0600 or 0700;
/// owner and mode are the caller's to set, from the status that is returned, and a directory's time, when
/// nothing more is made in it. A file or link of the name is replaced, a directory stays as it is. Without
/// `to` nothing is written, and the same is returned. Error{corrupt} for a FIFO, socket or device;
/// Error{busy} where a directory is another one by now.
BareCopy copy_bare(const Tree& from, const Entry& entry, const Tree* to);

} // namespace pkgjail::base
