#include "pkgjail/base/descriptors.hpp"

#include <sys/resource.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

namespace pkgjail::base {

void close_between(unsigned first, unsigned last) noexcept {
    if (first > last)
        return;
#if defined(__linux__) && defined(SYS_close_range)
    if (::syscall(SYS_close_range, first, last, 0) == 0)
        return;
#endif
    struct rlimit limit {};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max > (1u << 20))
        limit.rlim_max = 1u << 20;
    for (unsigned number = first; number <= last && number < limit.rlim_max; ++number)
        ::close(static_cast<int>(number));
}

void close_all_but(int kept) noexcept {
    if (kept > 0)
        close_between(0, static_cast<unsigned>(kept) - 1);
    close_between(static_cast<unsigned>(kept) + 1, ~0u);
}

} // namespace pkgjail::base
