// How much of the disk a set of files takes, and how much of that nobody else has.
//
// Images share files by hard links: a file that two images have lies on the disk once, and only goes with the
// last name. So a usage remembers inodes, not sums.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include <sys/stat.h>
#include <sys/types.h>

#include "pkgjail/base/path.hpp"

namespace pkgjail::store {

class DiskUsage {
  public:
    /// A file, or a directory with everything below it, as du(1) counts it. Nothing there is nothing. Goes
    /// descriptor by descriptor, follows no link and enters nothing that is mounted.
    /// `blocks`: also asks the file system of each file how much of it is shared with copies; see
    /// shared_blocks_bytes().
    static DiskUsage of(const base::HostPath& path, bool blocks = false);
    /// A file or directory alone, without what is in it.
    static DiskUsage of_entry(const base::HostPath& path);

    void merge(const DiskUsage& other);

    /// Sum of all files' sizes, a file counted for each of its names: what a reader sees.
    std::uint64_t apparent_bytes() const { return apparent_bytes_; }
    /// What lies on the disk, each inode once.
    std::uint64_t disk_bytes() const;
    /// What would be free if these files went: inodes that have no name elsewhere.
    std::uint64_t exclusive_bytes() const;
    /// On the disk once for both.
    std::uint64_t shared_bytes(const DiskUsage& other) const;
    /// Part of exclusive_bytes() whose blocks a copy may still have (reflinks), as far as the file system
    /// tells: so much less may become free.
    std::uint64_t shared_blocks_bytes() const;

  private:
    void add(const struct stat& status, std::uint64_t shared_blocks);

    struct Inode {
        std::uint64_t disk_bytes = 0;
        std::uint64_t shared_blocks_bytes = 0;
        std::uint64_t names = 0; ///< seen here
        std::uint64_t links = 0; ///< in all; a directory: 1
    };
    std::map<std::pair<dev_t, ino_t>, Inode> inodes_;
    std::uint64_t apparent_bytes_ = 0;
};

} // namespace pkgjail::store
