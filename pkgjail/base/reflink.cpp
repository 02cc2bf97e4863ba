#include "pkgjail/base/reflink.hpp"

#include <sys/ioctl.h>
#ifdef __linux__
#include <linux/fs.h>
#endif

namespace pkgjail::base {

bool reflink(const Fd& from, const Fd& to) {
#ifdef FICLONE
    return ::ioctl(to.get(), FICLONE, from.get()) == 0;
#else
    (void)from;
    (void)to;
    return false;
#endif
}

} // namespace pkgjail::base
