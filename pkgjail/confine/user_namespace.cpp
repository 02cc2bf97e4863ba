#ifdef __linux__

#include "pkgjail/confine/user_namespace.hpp"

#include <cerrno>
#include <cstring>
#include <sched.h>
#include <string>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"

namespace pkgjail::confine {
namespace {

bool setting_is(const char* file, char value) {
    try {
        const auto text = base::read_file_if_exists(file);
        return text && !text->empty() && text->front() == value;
    } catch (const base::Error&) {
        return false; // what cannot be read is not named
    }
}

/// In a child, because a namespace cannot be left again; with the mapping that a jail would have.
int try_in_child() {
    const auto map = fmt::format("0 {} 1", ::geteuid());
    const pid_t pid = ::fork();
    if (pid == 0) {
        if (::unshare(CLONE_NEWUSER) != 0)
            ::_exit(errno);
        const int fd = ::open("/proc/self/uid_map", O_WRONLY);
        if (fd < 0 || ::write(fd, map.data(), map.size()) < 0)
            ::_exit(errno);
        // Some hosts let the namespace be made and then nothing be done in it.
        ::_exit(::unshare(CLONE_NEWNS) == 0 ? 0 : errno);
    }
    int status = 0;
    while (pid > 0 && ::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return pid < 0 ? errno : WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
}

std::string obstacle() {
    if (setting_is("/proc/sys/user/max_user_namespaces", '0'))
        return "user.max_user_namespaces is 0";
    if (setting_is("/proc/sys/kernel/unprivileged_userns_clone", '0'))
        return "kernel.unprivileged_userns_clone is 0";
    if (setting_is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", '1'))
        return "kernel.apparmor_restrict_unprivileged_userns is 1";
    return "a filter or policy above pkgjail refuses it, or it runs in a chroot";
}

} // namespace

void check_user_namespaces() {
    const int failed = try_in_child();
    if (failed == 0)
        return;
    throw base::Error(
        base::ErrorKind::denied, "user namespace",
        fmt::format("this host lets no ordinary user make one ({}; {}), and without it only root "
                    "can make jails",
                    std::strerror(failed), obstacle()),
        "have that changed, or run pkgjail as root; update, search, avail, info, verify, export "
        "and install --no-start of packages without scripts work without");
}

} // namespace pkgjail::confine

#endif
