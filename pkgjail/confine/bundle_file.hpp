// Files in a jail's bundle. They hold as long as the jail does, that is until the next boot at most, and
// every start writes them anew: so they are replaced as one step, but nobody waits for the disk.
#pragma once

#include <string>

#include "pkgjail/base/path.hpp"

namespace pkgjail::confine {

/// Readers see the old or the new content. After a power cut the file may be empty or damaged; whoever reads
/// it when the jail may be gone takes that for nothing.
void write_bundle_file(const base::HostPath& path, const std::string& text);

} // namespace pkgjail::confine
