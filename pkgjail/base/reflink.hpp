// Files that share their blocks until one of them is written to.
#pragma once

#include <cstdint>

#include "pkgjail/base/fd.hpp"

namespace pkgjail::base {

/// Makes the empty file `to` a copy of `from` that shares its blocks. False, and nothing done, where the file
/// system cannot.
bool reflink(const Fd& from, const Fd& to);

/// How many bytes of the file lie in blocks that another file has as well. 0 where the file system cannot
/// tell: then it has no such blocks, or what is said of them is only an upper bound (ask `reflink`).
std::uint64_t shared_extent_bytes(const Fd& file);

} // namespace pkgjail::base
