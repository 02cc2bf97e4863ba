#include "pkgjail/base/subvolume.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#ifdef __linux__
#include <linux/btrfs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#endif

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/retry.hpp"

namespace pkgjail::base {

#ifdef __linux__

namespace {

/// BTRFS_FIRST_FREE_OBJECTID: the inode number of the top of every subvolume.
constexpr ino_t top_inode = 256;

bool on_btrfs(const Fd& directory, std::string_view shown_as) {
    struct statfs file_system {};
    if (::fstatfs(directory.get(), &file_system) != 0)
        throw system_error(errno, std::string(shown_as), "fstatfs");
    return static_cast<unsigned long>(file_system.f_type) == BTRFS_SUPER_MAGIC;
}

/// False when the name does not fit.
template <std::size_t Size>
bool set_name(char (&field)[Size], const std::string& name) {
    if (name.size() >= Size)
        return false;
    std::memcpy(field, name.c_str(), name.size() + 1);
    return true;
}

/// The directory for ioctl, which takes none that was opened only to pass through.
Fd opened(const Fd& directory, std::string_view shown_as) {
    Fd own(retrying([&] { return ::openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    if (!own)
        throw system_error(errno, std::string(shown_as), "open");
    return own;
}

bool means_cannot(int error) {
    return error == EPERM || error == EACCES || error == ENOTTY || error == EOPNOTSUPP || error == EXDEV ||
           error == EINVAL;
}

} // namespace

bool is_subvolume(const Fd& directory, std::string_view shown_as) {
    struct stat status {};
    if (::fstat(directory.get(), &status) != 0)
        throw system_error(errno, std::string(shown_as), "fstat");
    return S_ISDIR(status.st_mode) && status.st_ino == top_inode && on_btrfs(directory, shown_as);
}

bool holds_subvolumes(const Fd& subvolume, std::string_view shown_as) {
    struct btrfs_ioctl_get_subvol_rootref_args references {};
    const Fd directory = opened(subvolume, shown_as);
    // EOVERFLOW: there are more than one answer holds.
    if (::ioctl(directory.get(), BTRFS_IOC_GET_SUBVOL_ROOTREF, &references) != 0) {
        if (errno == EOVERFLOW)
            return true;
        throw system_error(errno, std::string(shown_as), "list the subvolumes in");
    }
    return references.num_items > 0;
}

bool make_subvolume(const Fd& parent, const std::string& name, std::string_view shown_as) {
    if (!on_btrfs(parent, shown_as))
        return false;
    struct btrfs_ioctl_vol_args arguments {};
    if (!set_name(arguments.name, name))
        return false;
    const Fd directory = opened(parent, shown_as);
    if (::ioctl(directory.get(), BTRFS_IOC_SUBVOL_CREATE, &arguments) == 0)
        return true;
    if (means_cannot(errno))
        return false;
    throw system_error(errno, std::string(shown_as), "make a subvolume in");
}

bool copy_subvolume(const Fd& source, const Fd& parent, const std::string& name, std::string_view shown_as) {
    if (!on_btrfs(parent, shown_as))
        return false;
    struct btrfs_ioctl_vol_args_v2 arguments {};
    const Fd from = opened(source, shown_as);
    arguments.fd = from.get();
    if (!set_name(arguments.name, name))
        return false;
    const Fd directory = opened(parent, shown_as);
    if (::ioctl(directory.get(), BTRFS_IOC_SNAP_CREATE_V2, &arguments) == 0)
        return true;
    if (means_cannot(errno))
        return false;
    throw system_error(errno, std::string(shown_as), "copy the subvolume");
}

SubvolumeRemoval remove_subvolume(const Fd& parent, const std::string& name, std::string_view shown_as) {
    if (!on_btrfs(parent, shown_as))
        return SubvolumeRemoval::no;
    struct btrfs_ioctl_vol_args arguments {};
    if (!set_name(arguments.name, name))
        return SubvolumeRemoval::no;
    const Fd directory = opened(parent, shown_as);
    if (::ioctl(directory.get(), BTRFS_IOC_SNAP_DESTROY, &arguments) == 0 || errno == ENOENT)
        return SubvolumeRemoval::done;
    if (errno == ENOTEMPTY)
        return SubvolumeRemoval::not_empty;
    if (means_cannot(errno))
        return SubvolumeRemoval::no;
    throw system_error(errno, std::string(shown_as), "remove the subvolume \"" + name + "\" in");
}

#else

bool is_subvolume(const Fd&, std::string_view) {
    return false;
}
bool holds_subvolumes(const Fd&, std::string_view) {
    return false;
}
bool make_subvolume(const Fd&, const std::string&, std::string_view) {
    return false;
}
bool copy_subvolume(const Fd&, const Fd&, const std::string&, std::string_view) {
    return false;
}
SubvolumeRemoval remove_subvolume(const Fd&, const std::string&, std::string_view) {
    return SubvolumeRemoval::no;
}

#endif

} // namespace pkgjail::base
