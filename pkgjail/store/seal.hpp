// Making a finished image permanent.
#pragma once

#include <string>

#include <sys/types.h>

#include "pkgjail/store/builder.hpp"

namespace pkgjail::store {

/// As many names as a file is given here: below what every file system lets it have (FFS: 32767).
constexpr nlink_t most_links = 30000;

/// Replaces files of `staging`/tree that are equal (content, owner, mode, time) to a file of another image by
/// a hard link to it. A finder that names a file which is not there, or differs in any of these, changes
/// nothing. Returns the bytes saved.
std::uint64_t link_equal_files(const Layout& layout, const base::Tree& staging,
                               const jail::Manifest& manifest, const EqualFileFinder& equal_file);

/// Syncs the staging directory and renames it to images/<id>. An image of this id that is there already is
/// the same image: the staging directory is then removed.
void seal(const Layout& layout, const base::HostPath& staging, const std::string& id);

} // namespace pkgjail::store
