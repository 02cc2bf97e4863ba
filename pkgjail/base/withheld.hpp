// What a test takes away from the kernel, as if it did not have it. In builds with PKGJAIL_FAILPOINTS only.
#pragma once

namespace pkgjail::base {

enum class KernelPart { openat2, landlock };

/// Whether PKGJAIL_NO_OPENAT2 or PKGJAIL_NO_LANDLOCK is 1 in the environment. Read each time, so that one
/// test program can do both. In other builds never.
bool is_withheld(KernelPart part);

} // namespace pkgjail::base
