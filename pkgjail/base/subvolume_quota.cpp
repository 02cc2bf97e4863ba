#include "pkgjail/base/subvolume_quota.hpp"

#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#ifdef __linux__
#include <endian.h>
#include <linux/btrfs.h>
#include <sys/ioctl.h>
#endif

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/retry.hpp"

namespace pkgjail::base {

#ifdef __linux__

namespace {

constexpr std::uint64_t top_inode = 256;  // BTRFS_FIRST_FREE_OBJECTID
constexpr std::uint64_t quota_tree = 8;   // BTRFS_QUOTA_TREE_OBJECTID
constexpr std::uint32_t info_type = 242;  // BTRFS_QGROUP_INFO_KEY
constexpr std::uint32_t limit_type = 244; // BTRFS_QGROUP_LIMIT_KEY
constexpr std::uint64_t limit_is_set = 1; // BTRFS_QGROUP_LIMIT_MAX_RFER

Fd opened(const Fd& directory, std::string_view shown_as) {
    Fd own(retrying([&] { return ::openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    if (!own)
        throw system_error(errno, std::string(shown_as), "open");
    return own;
}

/// Which also is the number of its own quota group.
std::uint64_t subvolume_id(const Fd& directory, std::string_view shown_as) {
    struct btrfs_ioctl_ino_lookup_args arguments {};
    arguments.objectid = top_inode;
    if (::ioctl(directory.get(), BTRFS_IOC_INO_LOOKUP, &arguments) != 0)
        throw system_error(errno, std::string(shown_as), "find the number of");
    return arguments.treeid;
}

std::uint64_t number_at(const std::string& item, std::size_t index) {
    std::uint64_t number = 0;
    if (item.size() >= (index + 1) * sizeof number)
        std::memcpy(&number, item.data() + index * sizeof number, sizeof number);
    return le64toh(number);
}

/// One item of the quota tree; nullopt where there is none, or no tree.
std::optional<std::string> find_item(const Fd& directory, std::uint64_t id, std::uint32_t type,
                                     std::string_view shown_as) {
    struct btrfs_ioctl_search_args arguments {};
    arguments.key.tree_id = quota_tree;
    arguments.key.min_type = type;
    arguments.key.max_type = type;
    arguments.key.min_offset = id;
    arguments.key.max_offset = id;
    arguments.key.max_transid = ~std::uint64_t{0};
    arguments.key.nr_items = 1;
    if (::ioctl(directory.get(), BTRFS_IOC_TREE_SEARCH, &arguments) != 0) {
        if (errno == ENOENT || errno == EPERM) // quotas are off; or only root may look
            return std::nullopt;
        throw system_error(errno, std::string(shown_as), "read the quota of");
    }
    if (arguments.key.nr_items == 0)
        return std::nullopt;
    struct btrfs_ioctl_search_header header {};
    std::memcpy(&header, arguments.buf, sizeof header);
    return std::string(arguments.buf + sizeof header, header.len);
}

} // namespace

std::optional<SubvolumeUse> read_subvolume_use(const Fd& subvolume, std::string_view shown_as) {
    const Fd directory = opened(subvolume, shown_as);
    const std::uint64_t id = subvolume_id(directory, shown_as);
    const auto info = find_item(directory, id, info_type, shown_as); // generation, referenced, …
    if (!info)
        return std::nullopt;
    SubvolumeUse use;
    use.used_bytes = number_at(*info, 1);
    const auto limit = find_item(directory, id, limit_type, shown_as); // flags, most referenced, …
    if (limit && (number_at(*limit, 0) & limit_is_set) != 0)
        use.limit_bytes = number_at(*limit, 1);
    return use;
}

bool set_subvolume_limit(const Fd& subvolume, const std::optional<std::uint64_t>& bytes,
                         std::string_view shown_as) {
    const Fd directory = opened(subvolume, shown_as);
    struct btrfs_ioctl_qgroup_limit_args arguments {};
    arguments.qgroupid = subvolume_id(directory, shown_as);
    arguments.lim.flags = limit_is_set;
    arguments.lim.max_rfer = bytes.value_or(~std::uint64_t{0}); // the way in which the kernel takes "none"
    if (::ioctl(directory.get(), BTRFS_IOC_QGROUP_LIMIT, &arguments) == 0)
        return true;
    if (errno == ENOTCONN || errno == ENOENT || errno == EINVAL || errno == EPERM)
        return false;
    throw system_error(errno, std::string(shown_as), "set the quota of");
}

#else

std::optional<SubvolumeUse> read_subvolume_use(const Fd&, std::string_view) {
    return std::nullopt;
}

bool set_subvolume_limit(const Fd&, const std::optional<std::uint64_t>&, std::string_view) {
    return false;
}

#endif

} // namespace pkgjail::base
