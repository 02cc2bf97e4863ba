// How base::Tree gets from a name to a descriptor. Everything else in Tree stands on these functions.
#include "pkgjail/base/tree.hpp"

#include <atomic>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/openat2.h>
#include <sys/syscall.h>
#endif

#include "pkgjail/base/tree_parts.hpp"
#include "pkgjail/base/withheld.hpp"

namespace pkgjail::base {

namespace {

/// What every open has. O_PATH opens nothing that could block, and openat2 takes no other flags beside it.
constexpr int complete(int flags) {
#ifdef O_PATH
    if ((flags & O_PATH) != 0)
        return flags | O_CLOEXEC | O_NOFOLLOW;
#endif
    return flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW;
}

#if defined(__linux__) && defined(SYS_openat2)

std::atomic<bool> kernel_has_openat2{true};

/// nullopt when the walk has to decide: where the kernel, or a system call filter around us, does not have
/// the call, and for some failures.
std::optional<int> open_by_kernel(int directory, const char* relative, int flags) {
    if (!kernel_has_openat2 || is_withheld(KernelPart::openat2))
        return std::nullopt;
    struct open_how how {};
    how.flags = static_cast<unsigned>(complete(flags));
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    for (;;) {
        long number = ::syscall(SYS_openat2, directory, relative, &how, sizeof how);
        if (number >= 0)
            return static_cast<int>(number);
        if (errno == EINTR || errno == EAGAIN) // EAGAIN: something was renamed meanwhile
            continue;
        // A link as the last component is ELOOP or ENOTDIR, by the flags; the walk tells which it is.
        if (errno == ENOTDIR)
            return std::nullopt;
        if (errno == ENOSYS || errno == EPERM) {
            // A system call filter may answer EPERM for a call that it does not know. The walk finds out: it
            // meets the same EPERM if that came from the file.
            if (errno == ENOSYS)
                kernel_has_openat2 = false;
            return std::nullopt;
        }
        return -1;
    }
}

#else

std::optional<int> open_by_kernel(int, const char*, int) {
    return std::nullopt;
}

#endif

int open_one(int directory, const char* name, int flags) {
    int number = -1;
    do
        number = ::openat(directory, name, complete(flags));
    while (number < 0 && errno == EINTR);
    return number;
}

/// Kernels differ in what they say when O_NOFOLLOW meets a link (ELOOP, ENOTDIR with O_DIRECTORY, EFTYPE on
/// NetBSD), so the entry itself is asked. Errno is ELOOP afterwards exactly when it is a link.
void name_the_link(int directory, const char* name) {
    int saved = errno;
    struct stat status {};
    if (::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode))
        saved = ELOOP;
    else if (saved == ELOOP)
        saved = EAGAIN; // it was a link a moment ago: whoever swaps entries under us gets a failure
    errno = saved;
}

int open_by_walking(int directory, const RootPath& path, int flags) {
    if (path.is_root())
        return open_one(directory, ".", flags);
    std::vector<std::string> components = path.components();
    Fd here;
    for (std::size_t i = 0; i < components.size(); ++i) {
        bool last = i + 1 == components.size();
        int from = here ? here.get() : directory;
        Fd next(open_one(from, components[i].c_str(), last ? flags : search_flags));
        if (!next) {
            name_the_link(from, components[i].c_str());
            return -1;
        }
        if (last)
            return next.release();
        here = std::move(next);
    }
    errno = EINVAL;
    return -1;
}

} // namespace

int Tree::try_open_beneath(const RootPath& path, int flags) const {
    const std::string relative = path.is_root() ? "." : std::string(path.relative());
    if (std::optional<int> number = open_by_kernel(directory_.get(), relative.c_str(), flags))
        return *number;
    return open_by_walking(directory_.get(), path, flags);
}

Fd Tree::open_beneath(const RootPath& path, int flags) const {
    int number = try_open_beneath(path, flags);
    if (number < 0)
        throw failure(errno, path, "open");
    return Fd(number);
}

std::optional<Fd> Tree::try_open_parent(const RootPath& path) const {
    int number = try_open_beneath(path.parent(), search_flags);
    if (number >= 0)
        return Fd(number);
    if (errno == ENOENT)
        return std::nullopt;
    throw failure(errno, path, "open the directory of");
}

Fd Tree::open_parent(const RootPath& path) const {
    std::optional<Fd> parent = try_open_parent(path);
    if (!parent)
        throw Error(ErrorKind::not_found, show(path), "its directory does not exist");
    return std::move(*parent);
}

Fd Tree::open_node(const RootPath& path) const {
    // Asked before it is opened, because opening a device may already do something; and after, because it may
    // have been swapped in between.
    Fd parent = open_parent(path);
    struct stat status {};
    if (::fstatat(parent.get(), leaf(path).c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
        throw failure(errno, path, "stat");
    auto is_node = [&] { return S_ISREG(status.st_mode) || S_ISDIR(status.st_mode); };
    if (S_ISLNK(status.st_mode))
        throw failure(ELOOP, path, "open");
    if (!is_node())
        throw Error(ErrorKind::corrupt, show(path), "is neither a file nor a directory");
    Fd node(open_one(parent.get(), leaf(path).c_str(), O_RDONLY));
    if (!node) {
        name_the_link(parent.get(), leaf(path).c_str());
        throw failure(errno, path, "open");
    }
    if (::fstat(node.get(), &status) != 0)
        throw failure(errno, path, "fstat");
    if (!is_node())
        throw Error(ErrorKind::corrupt, show(path), "is neither a file nor a directory");
    return node;
}

Error Tree::failure(int error_number, const RootPath& path, std::string_view call) const {
    switch (error_number) {
    case ELOOP:
        return Error(ErrorKind::corrupt, show(path), "passes through a symbolic link");
    case EXDEV:
        return Error(ErrorKind::corrupt, show(path), "leads out of its tree or to another file system");
    case ENOTDIR:
        return Error(ErrorKind::corrupt, show(path), "passes through something that is not a directory");
    case EAGAIN:
        return Error(ErrorKind::busy, show(path), "changes while it is being opened");
    case EBUSY:
        return Error(ErrorKind::busy, show(path), "is a mount point or in use");
    default:
        return system_error(error_number, show(path), call);
    }
}

} // namespace pkgjail::base
