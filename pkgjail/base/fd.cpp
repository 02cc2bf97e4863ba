#include "pkgjail/base/fd.hpp"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"

namespace pkgjail::base {

Fd& Fd::operator=(Fd&& other) noexcept {
    if (this != &other) {
        reset();
        number_ = std::exchange(other.number_, -1);
    }
    return *this;
}

void Fd::reset() noexcept {
    if (number_ < 0)
        return;
    // After EINTR the descriptor is gone as well: a second close could hit somebody else's. Whoever needs to
    // know that the bytes are on disk calls fsync before.
    int saved = errno;
    ::close(std::exchange(number_, -1));
    errno = saved;
}

Fd Fd::duplicate() const {
    int copy = ::fcntl(number_, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        throw system_error(errno, "descriptor", "dup");
    return Fd(copy);
}

Pipe make_pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        throw system_error(errno, "pipe", "pipe2");
    return Pipe{Fd(ends[0]), Fd(ends[1])};
}

} // namespace pkgjail::base
