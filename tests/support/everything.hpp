// What a copy of a directory must keep, as text; and a directory with a bit of everything in it.
#pragma once

#include <string>

#include "pkgjail/base/path.hpp"

namespace pkgjail::test {

/// An entry a line: type and mode, owner, time to the nanosecond, all extended attributes (access lists and
/// file capabilities are among them), for files size, where the data lie, names of the same file and a digest
/// of the content, for links the target.
std::string everything(const base::HostPath& top);

/// Makes below `top`: files, hard links, links, a FIFO, a file with holes, one with a name that is no text,
/// owners, modes with set-id bits, times, and, unless told that the file system has none, attributes, access
/// lists (also a default one) and a file capability. Needs root.
void fill_with_everything(const base::HostPath& top, bool attributes = true);

} // namespace pkgjail::test
