// A package's files from an image that has them as its archive does, instead of from that archive.
#pragma once

#include <optional>

#include "pkgjail/base/tree.hpp"
#include "pkgjail/store/builder.hpp"
#include "pkgjail/store/layout.hpp"
#include "pkgjail/store/unpack.hpp"

namespace pkgjail::store {

/// Whether a package is put in place without any script, as far as its metadata says.
bool needs_no_script(const format::PackageMetadata& metadata);

/// Gives each file of the package a second name in `files`, which is empty and reachable by nobody else;
/// links are made anew. Each must be there as the manifest says, content, owner and mode, and with a time
/// from before the image was made. nullopt when that is not so, when the image is gone or cannot be read,
/// lies on another file system, or a file can have no more names: then the archive is to be unpacked, and
/// `files` is empty again. `advance` is called with the size of each file.
std::optional<Unpacked> link_unpacked(const Layout& layout, const BuildPackage& package,
                                      const UnpackedBefore& before, const base::Tree& files,
                                      const std::function<void(std::uint64_t)>& advance);

} // namespace pkgjail::store
