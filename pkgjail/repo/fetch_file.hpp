// Downloads from file: URLs: a copy, with the same results as from a server.
#pragma once

#include <functional>

#include "pkgjail/repo/fetch.hpp"

namespace pkgjail::repo {

/// The ETag of a local file is its modification time and size. Whatever is not a regular file fails. `moved`
/// is called with the number of bytes after each piece. Throws Error{system} when the destination cannot be
/// written.
Downloaded copy_from_file(const Download& download, const std::function<void(std::uint64_t)>& moved);

} // namespace pkgjail::repo
