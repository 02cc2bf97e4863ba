#include "pkgjail/base/reflink.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include <sys/ioctl.h>
#ifdef __linux__
#include <linux/fiemap.h>
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

std::uint64_t shared_extent_bytes(const Fd& file) {
#if defined(FS_IOC_FIEMAP)
    constexpr std::size_t at_once = 64;
    // A head, and the extents right behind it.
    std::vector<std::uint64_t> room(
        (sizeof(struct fiemap) + at_once * sizeof(struct fiemap_extent)) / sizeof(std::uint64_t) + 1);
    std::uint64_t shared = 0;
    std::uint64_t from = 0;
    for (;;) {
        std::fill(room.begin(), room.end(), 0);
        struct fiemap head {};
        head.fm_start = from;
        head.fm_length = FIEMAP_MAX_OFFSET - from;
        head.fm_extent_count = at_once;
        std::memcpy(room.data(), &head, sizeof head);
        if (::ioctl(file.get(), FS_IOC_FIEMAP, room.data()) != 0)
            return shared;
        std::memcpy(&head, room.data(), sizeof head);
        if (head.fm_mapped_extents == 0)
            return shared;
        for (std::size_t i = 0; i < std::min<std::size_t>(head.fm_mapped_extents, at_once); ++i) {
            struct fiemap_extent extent {};
            std::memcpy(&extent, reinterpret_cast<const char*>(room.data()) + sizeof head + i * sizeof extent,
                        sizeof extent);
            if ((extent.fe_flags & FIEMAP_EXTENT_SHARED) != 0)
                shared += extent.fe_length;
            from = extent.fe_logical + extent.fe_length;
            if ((extent.fe_flags & FIEMAP_EXTENT_LAST) != 0)
                return shared;
        }
    }
#else
    (void)file;
    return 0;
#endif
}

} // namespace pkgjail::base
