#include "pkgjail/base/file_flags.hpp"

#ifdef __NetBSD__
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace pkgjail::base {

#ifdef __NetBSD__

namespace {

constexpr unsigned long hindering = UF_IMMUTABLE | UF_APPEND | SF_IMMUTABLE | SF_APPEND;

/// Nothing hinders: 0.
unsigned long hindrance_of(const Fd& parent, const std::string& name, struct stat& status) noexcept {
    if (::fstatat(parent.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
        return 0;
    return status.st_flags & hindering;
}

} // namespace

void free_directory(const Fd& directory) noexcept {
    struct stat status {};
    if (::fstat(directory.get(), &status) == 0 && (status.st_flags & hindering) != 0)
        (void)::fchflags(directory.get(), status.st_flags & ~hindering);
}

bool free_entry(const Fd& parent, const std::string& name) noexcept {
    struct stat status {};
    if (hindrance_of(parent, name, status) == 0)
        return false;
    const unsigned long flags = status.st_flags & ~hindering;
    const char* const entry = name.c_str();
    if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) {
        const Fd opened(
            ::openat(parent.get(), entry, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
        if (opened && ::fchflags(opened.get(), flags) == 0)
            return true;
    }
    // Nothing else can be opened, and no call takes a directory's descriptor and a name; so a process of its
    // own goes there. It calls only what is safe after a fork among threads.
    const pid_t child = ::fork();
    if (child == 0)
        ::_exit(::fchdir(parent.get()) == 0 && ::lchflags(entry, flags) == 0 ? 0 : 1);
    while (child > 0 && ::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
    return hindrance_of(parent, name, status) == 0;
}

#else

void free_directory(const Fd&) noexcept {}

bool free_entry(const Fd&, const std::string&) noexcept {
    return false;
}

#endif

} // namespace pkgjail::base
