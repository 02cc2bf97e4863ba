// base::Tree: making and moving entries.
#include "pkgjail/base/tree.hpp"

#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <unistd.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/base/retry.hpp"
#include "pkgjail/base/tree_parts.hpp"

namespace pkgjail::base {

namespace {

bool is_directory_there(const Fd& parent, const std::string& name, const std::string& shown) {
    struct stat status {};
    if (::fstatat(parent.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0)
        return S_ISDIR(status.st_mode);
    if (errno == ENOENT)
        return false;
    throw system_error(errno, shown, "stat");
}

Fd open_directory(int parent, const std::string& name, int flags) {
    return Fd(retrying(
        [&] { return ::openat(parent, name.c_str(), flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); }));
}

/// A directory that has just been made gets its owner and mode. Empty with errno.
Fd open_made(int parent, const std::string& name, unsigned mode) {
    Fd made = open_directory(parent, name, O_RDONLY);
    if (!made)
        return made;
    // In a set-group-id directory, and on NetBSD always, the group comes from the parent. The mode last,
    // because a change of owner clears bits of it.
    const bool is_done = (::geteuid() != 0 || ::fchown(made.get(), 0, 0) == 0) &&
                         ::fchmod(made.get(), static_cast<mode_t>(mode)) == 0;
    return is_done ? std::move(made) : Fd();
}

Error taken(const std::string& shown) {
    return Error(ErrorKind::conflict, shown, "exists already");
}

} // namespace

Fd Tree::create_file(const RootPath& path, unsigned mode) const {
    if (path.is_root())
        throw taken(show(path));
    Fd parent = open_parent(path);
    Fd file(retrying([&] {
        return ::openat(parent.get(), leaf(path).c_str(),
                        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    }));
    if (!file && errno == EEXIST)
        throw taken(show(path));
    if (!file)
        throw failure(errno, path, "create");
    // Not through open's mode, which the umask changes.
    if (::fchmod(file.get(), static_cast<mode_t>(mode)) != 0)
        throw failure(errno, path, "chmod");
    return file;
}

void Tree::write(const RootPath& path, std::string_view bytes, unsigned mode, Owner owner) const {
    if (path.is_root())
        throw Error(ErrorKind::conflict, show(path), "is a directory");
    Fd parent = open_parent(path);
    const std::string temporary = ".pkgjail-" + random_hex(12);
    Fd file(retrying([&] {
        return ::openat(parent.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                        0600);
    }));
    if (!file)
        throw failure(errno, path, "create a temporary file for");
    try {
        write_all(file.get(), bytes, show(path));
        if (::fchown(file.get(), owner.uid, owner.gid) != 0)
            throw failure(errno, path, "chown");
        if (::fchmod(file.get(), static_cast<mode_t>(mode)) != 0)
            throw failure(errno, path, "chmod");
        if (::renameat(parent.get(), temporary.c_str(), parent.get(), leaf(path).c_str()) != 0) {
            const int error = errno; // looking for a directory sets another one
            if (error == EISDIR || is_directory_there(parent, leaf(path), show(path)))
                throw Error(ErrorKind::conflict, show(path), "is a directory");
            throw failure(error, path, "rename to");
        }
    } catch (...) {
        ::unlinkat(parent.get(), temporary.c_str(), 0);
        throw;
    }
}

void Tree::make_directory(const RootPath& path, unsigned mode) const {
    if (path.is_root())
        return;
    Fd parent = open_parent(path);
    // With what others may read at once: whoever is killed before it has its mode leaves it as it is.
    if (::mkdirat(parent.get(), leaf(path).c_str(), static_cast<mode_t>(mode & 0755u)) != 0) {
        if (errno != EEXIST)
            throw failure(errno, path, "mkdir");
        if (!is_directory_there(parent, leaf(path), show(path)))
            throw Error(ErrorKind::conflict, show(path), "exists and is not a directory");
        return;
    }
    Fd made(retrying([&] {
        return ::openat(parent.get(), leaf(path).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }));
    if (!made || ::fchmod(made.get(), static_cast<mode_t>(mode)) != 0)
        throw failure(errno, path, "chmod");
}

void Tree::make_directories(const RootPath& path, unsigned mode) const {
    if (Fd there(try_open_beneath(path, search_flags)); there)
        return;
    Fd here;
    RootPath sofar;
    for (const std::string& component : path.components()) {
        sofar = sofar.entry(component);
        const int from = here ? here.get() : directory_.get();
        Fd next = open_directory(from, component, search_flags);
        if (!next && errno == ENOENT) {
            // As above.
            if (::mkdirat(from, component.c_str(), static_cast<mode_t>(mode & 0755u)) == 0) {
                next = open_made(from, component, mode);
                if (const int error = errno; !next) { // the next one would take it for made
                    ::unlinkat(from, component.c_str(), AT_REMOVEDIR);
                    errno = error;
                }
            } else if (errno == EEXIST) // by somebody else, just now
                next = open_directory(from, component, search_flags);
        }
        if (!next) {
            const int error = errno; // looking for what is there sets another one
            struct stat status {};
            const bool is_there = ::fstatat(from, component.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
            if (is_there && S_ISLNK(status.st_mode))
                throw failure(ELOOP, sofar, "mkdir");
            if (is_there && !S_ISDIR(status.st_mode))
                throw Error(ErrorKind::conflict, show(sofar), "exists and is not a directory");
            throw failure(error, sofar, "mkdir");
        }
        here = std::move(next);
    }
}

void Tree::make_symlink(std::string_view target, const RootPath& path) const {
    if (path.is_root())
        throw taken(show(path));
    if (target.empty() || target.find('\0') != target.npos)
        throw Error(ErrorKind::corrupt, show(path),
                    "is a symbolic link with an empty target or a NUL byte in it");
    Fd parent = open_parent(path);
    if (::symlinkat(std::string(target).c_str(), parent.get(), leaf(path).c_str()) == 0)
        return;
    if (errno == EEXIST)
        throw taken(show(path));
    throw failure(errno, path, "symlink");
}

void Tree::make_hard_link(const Tree& from, const RootPath& existing, const RootPath& path) const {
    Fd source = from.open_parent(existing);
    Fd parent = open_parent(path);
    auto require_regular = [](const Tree& tree, const Fd& directory, const RootPath& name) {
        struct stat status {};
        if (::fstatat(directory.get(), leaf(name).c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
            throw tree.failure(errno, name, "stat");
        if (!S_ISREG(status.st_mode))
            throw Error(ErrorKind::corrupt, tree.show(name),
                        "is not a regular file, which alone can be hard-linked");
    };
    require_regular(from, source, existing);
    if (::linkat(source.get(), leaf(existing).c_str(), parent.get(), leaf(path).c_str(), 0) != 0) {
        if (errno == EEXIST)
            throw taken(show(path));
        if (errno == EXDEV)
            throw Error(ErrorKind::system, show(path),
                        "link: not on the file system of " + from.show(existing));
        throw failure(errno, path, "link");
    }
    // linkat follows no link, but the name may have been swapped after it was looked at.
    try {
        require_regular(*this, parent, path);
    } catch (const Error&) {
        ::unlinkat(parent.get(), leaf(path).c_str(), 0);
        throw;
    }
}

void Tree::rename_into(const RootPath& from, const Tree& target, const RootPath& to) const {
    if (from.is_root() || to.is_root())
        throw Error(ErrorKind::conflict, show(from), "cannot be renamed to " + target.show(to));
    Fd source = open_parent(from);
    Fd destination = target.open_parent(to);
    if (::renameat(source.get(), leaf(from).c_str(), destination.get(), leaf(to).c_str()) == 0)
        return;
    switch (errno) {
    case ENOTEMPTY:
    case EEXIST:
        throw Error(ErrorKind::conflict, target.show(to), "is a directory that is not empty");
    case EISDIR:
        throw Error(ErrorKind::conflict, target.show(to), "is a directory");
    case ENOTDIR:
        throw Error(ErrorKind::conflict, target.show(to), "exists and is not a directory");
    case EXDEV:
        throw Error(ErrorKind::system, show(from), "rename: not on the file system of " + target.show(to));
    default:
        throw failure(errno, from, "rename to " + target.show(to));
    }
}

} // namespace pkgjail::base
