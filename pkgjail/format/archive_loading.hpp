// Loading libarchive ahead of the need, for who knows nothing else of it.
#pragma once

namespace pkgjail::format {

/// For a process that is about to lose what loading takes. A failure is told when an archive is read.
void load_libarchive() noexcept;

} // namespace pkgjail::format
