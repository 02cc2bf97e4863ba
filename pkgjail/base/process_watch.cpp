#include "pkgjail/base/process_watch.hpp"

#include <poll.h>
#include <unistd.h>

#if defined(__linux__)
#include <sys/syscall.h>
#elif defined(__NetBSD__)
#include <fcntl.h>
#include <sys/event.h>
#include <sys/time.h>
#endif

namespace pkgjail::base {

ProcessWatch::ProcessWatch(const ProcessId& process) : process_(process) {
#if defined(__linux__) && defined(SYS_pidfd_open)
    fd_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
#elif defined(__NetBSD__)
    fd_ = Fd(::kqueue1(O_CLOEXEC));
    struct kevent change;
    EV_SET(&change, static_cast<uintptr_t>(process.pid), EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, 0);
    if (fd_ && ::kevent(fd_.get(), &change, 1, nullptr, 0, nullptr) != 0)
        fd_.reset();
#endif
    // Somebody else may have had the number by then: that one says nothing about ours.
    if (fd_ && !is_alive(process))
        fd_.reset();
}

bool ProcessWatch::is_over() const {
    if (!fd_)
        return !is_alive(process_);
    struct pollfd ended {
        fd_.get(), POLLIN, 0
    };
    return ::poll(&ended, 1, 0) > 0;
}

} // namespace pkgjail::base
