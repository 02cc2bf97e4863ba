#include "pkgjail/base/withheld.hpp"

#include <cstdlib>
#include <cstring>

namespace pkgjail::base {

bool is_withheld([[maybe_unused]] KernelPart part) {
#ifdef PKGJAIL_FAILPOINTS
    const char* const off =
        std::getenv(part == KernelPart::openat2 ? "PKGJAIL_NO_OPENAT2" : "PKGJAIL_NO_LANDLOCK");
    return off != nullptr && std::strcmp(off, "1") == 0;
#else
    return false;
#endif
}

} // namespace pkgjail::base
