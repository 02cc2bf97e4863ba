#include "pkgjail/supervise/disk_watch.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/confine/disk_limit.hpp"

namespace pkgjail::supervise {

namespace {

[[noreturn]] void measure(const base::HostPath& storage, int result,
                          const std::function<void()>& in_child) noexcept {
    try {
        in_child();
        ::setpriority(PRIO_PROCESS, 0, 19);
        const std::uint64_t bytes = confine::measured_disk_use(storage);
        const ssize_t written = ::write(result, &bytes, sizeof bytes); // less than a pipe takes at once
        ::_exit(written == sizeof bytes ? 0 : 1);
    } catch (const std::exception&) {
        ::_exit(1); // what changes meanwhile may be in the way; the next round counts again
    }
}

} // namespace

void DiskWatch::begin_if_due(base::SteadyTime now, const std::function<void()>& in_child) {
    if (result_ || (next_ && now < *next_))
        return;
    int ends[2];
    if (::pipe(ends) != 0)
        throw base::system_error(errno, "pipe", "pipe");
    base::Fd inner(ends[0]);
    base::Fd outer(ends[1]);
    for (const int end : ends)
        if (::fcntl(end, F_SETFD, FD_CLOEXEC) != 0 || ::fcntl(end, F_SETFL, O_NONBLOCK) != 0)
            throw base::system_error(errno, "pipe", "fcntl");
    const pid_t pid = ::fork();
    if (pid < 0)
        throw base::system_error(errno, "measuring", "fork");
    if (pid == 0) {
        inner.reset();
        measure(storage_, outer.get(), in_child);
    }
    result_ = std::move(inner);
    begun_ = now;
}

std::optional<std::uint64_t> DiskWatch::take(base::SteadyTime now) noexcept {
    if (!result_)
        return std::nullopt;
    std::uint64_t bytes = 0;
    const ssize_t count = ::read(result_.get(), &bytes, sizeof bytes);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return std::nullopt;
    result_.reset();
    next_ = now + std::max<base::SteadyTime::duration>(pause, (now - begun_) * times_longer);
    if (count != sizeof bytes)
        return std::nullopt;
    return bytes;
}

} // namespace pkgjail::supervise
