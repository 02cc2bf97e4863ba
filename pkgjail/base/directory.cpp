#include "pkgjail/base/directory.hpp"

#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/retry.hpp"

namespace pkgjail::base {

Directory::Directory(const Tree& tree, const RootPath& path) : tree_(tree.open_tree(path)), path_(path) {}

std::string Directory::show(const std::string& name) const {
    return tree_.show(RootPath().entry(name));
}

std::optional<struct stat> Directory::stat(const std::string& name) const {
    struct stat status {};
    if (::fstatat(tree_.fd().get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0)
        return status;
    if (errno == ENOENT)
        return std::nullopt;
    throw system_error(errno, show(name), "stat");
}

Fd Directory::create_file(const std::string& name) {
    Fd file(retrying([&] {
        return ::openat(tree_.fd().get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                        0600);
    }));
    if (!file && errno == EEXIST)
        throw Error(ErrorKind::conflict, show(name), "exists already");
    if (!file)
        throw system_error(errno, show(name), "create");
    if (!owner_of_new_) { // by the process, the directory's set-group-id bit and the file system alone
        struct stat status {};
        if (::fstat(file.get(), &status) != 0)
            throw system_error(errno, show(name), "fstat");
        owner_of_new_ = Owner{status.st_uid, status.st_gid};
    }
    return file;
}

void Directory::rename_into(const Directory& target, const std::string& name) const {
    if (::renameat(tree_.fd().get(), name.c_str(), target.tree_.fd().get(), name.c_str()) != 0)
        throw system_error(errno, show(name), "rename to " + target.show(name));
}

void Directory::link_into(const Directory& target, const std::string& name) const {
    if (::linkat(tree_.fd().get(), name.c_str(), target.tree_.fd().get(), name.c_str(), 0) == 0)
        return;
    if (errno == EEXIST)
        throw Error(ErrorKind::conflict, target.show(name), "exists already");
    throw system_error(errno, show(name), "link to " + target.show(name));
}

} // namespace pkgjail::base
