// base::Tree: waiting until all of it is on disk.
#include "pkgjail/base/tree.hpp"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "pkgjail/base/tree_parts.hpp"

namespace pkgjail::base {

void Tree::sync() const {
    const auto flush = [&](const Fd& opened, const RootPath& path) {
        // EINVAL: the file system has nothing to sync in it.
        if (::fsync(opened.get()) != 0 && errno != EINVAL)
            throw failure(errno, path, "fsync");
    };
    walk([&](const Entry& entry) {
        if (!entry.is_file() && !entry.is_directory())
            return false;
        const Fd opened(try_open_beneath(entry.path, O_RDONLY | (entry.is_directory() ? O_DIRECTORY : 0)));
        if (opened)
            flush(opened, entry.path);
        else if (!is_no_directory(errno))
            throw failure(errno, entry.path, "open");
        return true;
    });
    flush(directory_, RootPath());
}

void Tree::sync_apart([[maybe_unused]] const RootPath& path) const {
#ifndef __linux__
    if (::fsync(open_regular(path).get()) != 0)
        throw failure(errno, path, "fsync");
#endif
}

} // namespace pkgjail::base
