// A package made into an archive again from the image that holds it, for when nobody has its archive any
// more.
#pragma once

#include <string>

#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/tree.hpp"
#include "pkgjail/format/archive_writer.hpp"

namespace pkgjail::store {

/// Writes the package's members from the package database in the image, then its files from the image, with
/// the modes and owners that they have there: what a policy stripped stays stripped. Whether the files are
/// still what the packing list promises is found, as with every archive, when it is unpacked. Same image,
/// same bytes. `image` is a sealed image's directory. Error{corrupt} where it lacks a file of the package.
format::WrittenArchive repack(const base::Tree& image, const std::string& pkgname, const std::string& prefix,
                              const base::Fd& output, const std::string& output_name);

} // namespace pkgjail::store
