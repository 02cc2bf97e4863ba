// What the files of base::Tree share with each other and with those that work on a tree's descriptors as they
// do (bare_copy, mounts). No other room includes it.
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/file.hpp"

namespace pkgjail::base {

/// For a directory that is only passed through. O_PATH needs no read permission and touches nothing.
#ifdef O_PATH
constexpr int search_flags = O_PATH | O_DIRECTORY;
#else
constexpr int search_flags = O_RDONLY | O_DIRECTORY;
#endif

/// What opening a directory says of an entry that is gone, or something else by now.
constexpr bool is_no_directory(int error) {
    return error == ENOENT || error == ENOTDIR || says_link(error);
}

/// Names in an open directory, without "." and "..", in byte order. Reads from its beginning through a
/// descriptor of its own. `shown_as` is for messages.
std::vector<std::string> names_in(const Fd& directory, std::string_view shown_as);

/// Whether a descriptor of a directory is the top of a mount seen from a tree on device `device`. A bind
/// mount of the same file system has the same device number; Linux tells it by an attribute, NetBSD's null
/// mounts have a number of their own.
bool is_mount_point(const Fd& directory, dev_t device, std::string_view shown_as);

/// The content of a file of this `status` into a fresh one, with its holes; by a reflink where there are
/// such.
void copy_bytes(const Fd& from, const Fd& to, const struct stat& status, const std::string& shown);
struct timespec modification_time(const struct stat& status);

} // namespace pkgjail::base
