// The stages of an entry as system calls. Everything here runs between fork and exec: no memory, no locks.
#include <cerrno>

#include <fcntl.h>
#include <grp.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pkgjail/confine/hold.h"
#include "pkgjail/confine/kmod_process.hpp"

namespace pkgjail::confine {
namespace {

std::vector<char*> pointers_to(const std::vector<std::string>& strings) {
    std::vector<char*> pointers;
    pointers.reserve(strings.size() + 1);
    for (const std::string& text : strings)
        pointers.push_back(const_cast<char*>(text.c_str()));
    pointers.push_back(nullptr);
    return pointers;
}

int result(int value) {
    return value < 0 ? errno : 0;
}

void close_from(int first) {
#ifdef __NetBSD__
    ::closefrom(first);
#else
    struct rlimit limit {};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > 65536)
        limit.rlim_cur = 65536;
    for (int number = first; number < static_cast<int>(limit.rlim_cur); ++number)
        ::close(number);
#endif
}

} // namespace

SystemEntryCalls::SystemEntryCalls(const EntryPlan& plan, int gate, int report)
    : gate_(gate), report_(report), argv_(pointers_to(plan.command)),
      environment_(pointers_to(plan.environment)) {}

int SystemEntryCalls::new_session() noexcept {
    ::umask(022);
    return result(::setsid());
}

int SystemEntryCalls::arrange_descriptors(const EntryPlan& plan) noexcept {
    // First all above every wanted number, so that none is overwritten before it is used.
    int sources[5] = {-1, -1, -1, gate_, report_};
    for (int i = 0; i < 3; ++i) {
        int given = plan.streams[i];
        if (given < 0)
            given = ::open("/dev/null", O_RDWR | O_CLOEXEC);
        sources[i] = given < 0 ? -1 : ::fcntl(given, F_DUPFD_CLOEXEC, entry_numbers);
        if (sources[i] < 0)
            return errno;
    }
    for (int number = 0; number < 5; ++number)
        if (::dup2(sources[number], number) < 0)
            return errno;
    if (::fcntl(entry_gate, F_SETFD, FD_CLOEXEC) < 0 || ::fcntl(entry_report, F_SETFD, FD_CLOEXEC) < 0)
        return errno;
    if (plan.terminal && ::ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0)
        return errno;
    close_from(5);
    return 0;
}

int SystemEntryCalls::open_device() noexcept {
    device_ = ::open(PKGJAIL_DEVICE, O_RDWR | O_CLOEXEC);
    return result(device_);
}

int SystemEntryCalls::change_root(const EntryPlan& plan) noexcept {
    if (::chroot(plan.root.c_str()) < 0)
        return errno;
    return result(::chdir("/"));
}

int SystemEntryCalls::enter(pkgjail_enter& request) noexcept {
    return result(::ioctl(device_, PKGJAIL_IOC_ENTER, &request));
}

int SystemEntryCalls::close_device() noexcept {
    return result(::close(device_));
}

int SystemEntryCalls::become(const Identity& identity) noexcept {
#ifdef __NetBSD__
    const int count = static_cast<int>(identity.groups.size());
#else
    const auto count = identity.groups.size();
#endif
    // The user last: after that nothing else could be changed.
    if (::setgroups(count, identity.groups.data()) < 0 || ::setgid(identity.gid) < 0 ||
        ::setuid(identity.uid) < 0)
        return errno;
    return 0;
}

int SystemEntryCalls::change_directory(const std::string& path) noexcept {
    return result(::chdir(path.c_str()));
}

int SystemEntryCalls::may_execute(const std::string& program) noexcept {
    struct stat status {};
    if (::stat(program.c_str(), &status) < 0)
        return errno;
    if (!S_ISREG(status.st_mode))
        return EACCES;
    return result(::access(program.c_str(), X_OK));
}

int SystemEntryCalls::execute(const std::string& program, const EntryPlan& plan) noexcept {
    if (plan.holds) {
        hold_prepare();
        const pid_t child = ::fork();
        if (child < 0)
            return errno;
        if (child > 0) {
            // The child's copy of the report ends with its exec, or tells why there was none.
            close_from(3);
            ::_exit(hold_jail(child));
        }
        static_cast<void>(::signal(HOLD_SIGNAL, SIG_DFL));
    }
    ::execve(program.c_str(), argv_.data(), environment_.data());
    return errno;
}

std::unique_ptr<EntryCalls> system_entry_calls(const EntryPlan& plan, int gate, int report) {
    return std::make_unique<SystemEntryCalls>(plan, gate, report);
}

} // namespace pkgjail::confine
