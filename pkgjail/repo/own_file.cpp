#include "pkgjail/repo/own_file.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/retry.hpp"
#include "pkgjail/base/tree.hpp"

namespace pkgjail::repo {

namespace {

bool is_ours(const struct stat& status) {
    return S_ISREG(status.st_mode) && (status.st_uid == ::geteuid() || status.st_uid == 0) &&
           (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

} // namespace

std::optional<base::Fd> open_own_file(const base::HostPath& path, int flags) {
    // Looked at before it is opened: opening a device or a FIFO can have effects of its own.
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) {
        if (errno == ENOENT)
            return std::nullopt;
        throw base::system_error(errno, path.string(), "lstat");
    }
    if (is_ours(status)) {
        base::Fd fd(base::retrying(
            [&] { return ::open(path.c_str(), flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC); }));
        if (!fd && errno == ENOENT)
            return std::nullopt;
        if (!fd && !base::says_link(errno))
            throw base::system_error(errno, path.string(), "open");
        if (fd && ::fstat(fd.get(), &status) != 0)
            throw base::system_error(errno, path.string(), "fstat");
        if (fd && is_ours(status))
            return fd;
    }
    remove_any(path);
    return std::nullopt;
}

void remove_any(const base::HostPath& path) {
    if (::unlink(path.c_str()) == 0 || errno == ENOENT)
        return;
    const int error = errno;
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
        throw base::system_error(error, path.string(), "unlink");
    base::Tree::open(path.parent_path()).remove_all(base::RootPath().entry(path.filename().string()));
}

std::uint64_t file_size(const base::Fd& fd, const base::HostPath& path) {
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0)
        throw base::system_error(errno, path.string(), "fstat");
    return static_cast<std::uint64_t>(status.st_size);
}

} // namespace pkgjail::repo
