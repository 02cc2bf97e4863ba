// What std::filesystem is asked for files of our own, with failures as everything else here has them. A link
// as the last component is followed by the questions and removed itself.
#pragma once

#include "pkgjail/base/path.hpp"

namespace pkgjail::base {

/// False only when it is not there: a disk that cannot be read throws.
bool exists(const HostPath& path);
bool is_directory(const HostPath& path);
/// A file or an empty directory; false when it was not there.
bool remove_entry(const HostPath& path);
/// A directory and everything in it, if it is there. Of trees that others can shape Tree::remove_all takes
/// care.
void remove_directory(const HostPath& path);
/// Without links, "." and ".."; the end of it need not be there.
HostPath real_path(const HostPath& path);

} // namespace pkgjail::base
