// Files that share their blocks until one of them is written to.
#pragma once

#include "pkgjail/base/fd.hpp"

namespace pkgjail::base {

/// Makes the empty file `to` a copy of `from` that shares its blocks. False, and nothing done, where the file
/// system cannot.
bool reflink(const Fd& from, const Fd& to);

} // namespace pkgjail::base
