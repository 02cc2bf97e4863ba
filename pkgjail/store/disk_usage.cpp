#include "pkgjail/store/disk_usage.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>

#include <sys/stat.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/reflink.hpp"
#include "pkgjail/base/tree.hpp"

namespace pkgjail::store {

using base::Entry;
using base::RootPath;
using base::Tree;

namespace {

constexpr std::uint64_t block_bytes = 512; // unit of st_blocks, whatever the file system's own is

/// nullopt: nothing is there.
std::optional<struct stat> status_of(const base::HostPath& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0)
        return status;
    if (errno != ENOENT)
        throw base::system_error(errno, path.string(), "lstat");
    return std::nullopt;
}

} // namespace

void DiskUsage::add(const struct stat& status, std::uint64_t shared_blocks) {
    Inode& inode = inodes_[{status.st_dev, status.st_ino}];
    inode.disk_bytes = static_cast<std::uint64_t>(status.st_blocks) * block_bytes;
    inode.shared_blocks_bytes = std::min(shared_blocks, inode.disk_bytes);
    inode.links = S_ISDIR(status.st_mode) ? 1 : static_cast<std::uint64_t>(status.st_nlink);
    ++inode.names;
    if (S_ISREG(status.st_mode))
        apparent_bytes_ += static_cast<std::uint64_t>(status.st_size);
}

DiskUsage DiskUsage::of_entry(const base::HostPath& path) {
    DiskUsage usage;
    if (const auto status = status_of(path))
        usage.add(*status, 0);
    return usage;
}

DiskUsage DiskUsage::of(const base::HostPath& path, bool blocks) {
    DiskUsage usage;
    const auto top = status_of(path);
    if (!top)
        return usage;
    usage.add(*top, 0);
    if (!S_ISDIR(top->st_mode))
        return usage;
    const Tree tree = Tree::open(path);
    tree.walk([&](const Entry& entry) {
        std::uint64_t shared = 0;
        if (blocks && entry.is_file() && entry.status.st_blocks > 0) {
            try {
                shared = base::shared_extent_bytes(tree.open_regular(entry.path));
            } catch (const base::Error&) {
                // Gone since, or no file any more: what a running service writes may change at any moment.
            }
        }
        usage.add(entry.status, shared);
        return true;
    });
    return usage;
}

void DiskUsage::merge(const DiskUsage& other) {
    for (const auto& [key, theirs] : other.inodes_) {
        Inode& ours = inodes_[key];
        ours.disk_bytes = theirs.disk_bytes;
        ours.shared_blocks_bytes = std::max(ours.shared_blocks_bytes, theirs.shared_blocks_bytes);
        ours.links = theirs.links;
        ours.names += theirs.names;
    }
    apparent_bytes_ += other.apparent_bytes_;
}

std::uint64_t DiskUsage::disk_bytes() const {
    std::uint64_t sum = 0;
    for (const auto& [key, inode] : inodes_)
        sum += inode.disk_bytes;
    return sum;
}

std::uint64_t DiskUsage::exclusive_bytes() const {
    std::uint64_t sum = 0;
    for (const auto& [key, inode] : inodes_)
        if (inode.names >= inode.links)
            sum += inode.disk_bytes;
    return sum;
}

std::uint64_t DiskUsage::shared_bytes(const DiskUsage& other) const {
    std::uint64_t sum = 0;
    for (const auto& [key, inode] : inodes_)
        if (other.inodes_.contains(key))
            sum += inode.disk_bytes;
    return sum;
}

std::uint64_t DiskUsage::shared_blocks_bytes() const {
    std::uint64_t sum = 0;
    for (const auto& [key, inode] : inodes_)
        if (inode.names >= inode.links)
            sum += inode.shared_blocks_bytes;
    return sum;
}

} // namespace pkgjail::store
