#include "pkgjail/base/lock.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/base/process.hpp"
#include "pkgjail/base/retry.hpp"

namespace pkgjail::base {

namespace {

/// False when somebody else's lock is in the way.
bool set_lock(const Fd& fd, LockMode mode, const HostPath& file) {
    int result = 0;
    do {
#ifdef __linux__
        // Not flock: there, going from exclusive to shared lets go for a moment.
        struct flock request {};
        request.l_type = mode == LockMode::exclusive ? F_WRLCK : F_RDLCK;
        request.l_whence = SEEK_SET;
        result = ::fcntl(fd.get(), F_OFD_SETLK, &request);
#else
        result = ::flock(fd.get(), (mode == LockMode::exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB);
#endif
    } while (result != 0 && errno == EINTR);
    if (result == 0)
        return true;
    if (errno == EAGAIN || errno == EACCES || errno == EWOULDBLOCK)
        return false;
    throw system_error(errno, file.string(), "lock");
}

Fd open_lock_file(const HostPath& file, LockMode mode) {
    // A reader without write permission can still share.
    if (mode == LockMode::shared)
        if (std::optional<Fd> existing = open_file_if_exists(file, O_RDONLY | O_NOFOLLOW))
            return std::move(*existing);
    return open_file(file, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
}

/// Whether the name still means the file that we opened.
bool is_still_there(const Fd& fd, const HostPath& file) {
    struct stat ours {
    }, named{};
    if (::fstat(fd.get(), &ours) != 0)
        throw system_error(errno, file.string(), "fstat");
    return ::lstat(file.c_str(), &named) == 0 && ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

constexpr std::size_t longest_purpose = 200;

/// "PID START PURPOSE"; the start time tells a dead holder's line from a living process with the same number.
std::string purpose_line(std::string_view purpose) {
    std::optional<ProcessId> self = identify_process(::getpid());
    return fmt::format("{} {} {}\n", ::getpid(), self ? self->start : 0,
                       printable(purpose.substr(0, longest_purpose)));
}

/// Overwritten, then cut: a reader in between sees our line and perhaps a tail after its newline.
bool write_purpose(const Fd& fd, std::string_view line) {
    for (std::size_t done = 0; done < line.size();) {
        const ssize_t count = retrying([&] {
            return ::pwrite(fd.get(), line.data() + done, line.size() - done, static_cast<off_t>(done));
        });
        if (count < 0)
            return false;
        done += static_cast<std::size_t>(count);
    }
    return retrying([&] { return ::ftruncate(fd.get(), static_cast<off_t>(line.size())); }) == 0;
}

/// What the file says about a holder that still lives: "held by process 123: upgrade nginx". A shared holder
/// writes nothing, so there may be nothing to say.
std::string describe_holder(const HostPath& file) {
    constexpr std::string_view nobody = "held by another process";
    std::optional<Fd> fd = open_file_if_exists(file, O_RDONLY | O_NOFOLLOW);
    if (!fd)
        return std::string(nobody);
    std::string line = read_all(*fd, file.string(), 16u << 10);
    line.resize(std::min(line.find('\n'), line.size()));
    ProcessId holder;
    const char* end = line.data() + line.size();
    auto pid = std::from_chars(line.data(), end, holder.pid);
    if (pid.ec != std::errc() || pid.ptr == end || *pid.ptr != ' ')
        return std::string(nobody);
    auto start = std::from_chars(pid.ptr + 1, end, holder.start);
    if (start.ec != std::errc() || start.ptr == end || *start.ptr != ' ' || !is_alive(holder))
        return std::string(nobody);
    std::string purpose(start.ptr + 1, end);
    return fmt::format("held by process {}{}{}", holder.pid, purpose.empty() ? "" : ": ", purpose);
}

} // namespace

std::optional<Lock> Lock::try_take(const HostPath& file, LockMode mode, std::string_view purpose) {
    for (;;) {
        Fd fd = open_lock_file(file, mode);
        if (!set_lock(fd, mode, file))
            return std::nullopt;
        if (!is_still_there(fd, file))
            continue;
        Lock lock(std::move(fd), mode);
        if (mode == LockMode::exclusive) {
            // Only for people's eyes: on a full disk the lock is as good without it, and whoever wants to
            // make room needs one.
            if (!write_purpose(lock.fd_, purpose_line(purpose)) && errno != ENOSPC && errno != EDQUOT)
                throw system_error(errno, file.string(), "write");
        }
        return lock;
    }
}

Lock Lock::take(const HostPath& file, LockMode mode, std::string_view object, std::string_view purpose,
                std::chrono::milliseconds patience) {
    SteadyTime deadline = steady_now() + patience;
    for (;;) {
        if (std::optional<Lock> lock = try_take(file, mode, purpose))
            return std::move(*lock);
        auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady_now());
        if (left <= std::chrono::milliseconds(0))
            throw Error(ErrorKind::busy, std::string(object), describe_holder(file),
                        "try again when it is done, or wait for it with --wait SECONDS");
        std::this_thread::sleep_for(std::min(left, std::chrono::milliseconds(25)));
    }
}

Lock& Lock::operator=(Lock&& other) noexcept {
    if (this != &other) {
        erase_purpose();
        fd_ = std::move(other.fd_);
        mode_ = other.mode_;
    }
    return *this;
}

Lock::~Lock() {
    erase_purpose();
}

void Lock::erase_purpose() noexcept {
    // Only for people's eyes: a line that stays because of a full disk names a process that is gone or busy
    // elsewhere.
    if (fd_ && mode_ == LockMode::exclusive && retrying([&] { return ::ftruncate(fd_.get(), 0); }) != 0)
        return;
}

void Lock::downgrade() {
    if (mode_ == LockMode::shared)
        return;
    erase_purpose();
    if (!set_lock(fd_, LockMode::shared, "lock"))
        throw Error(ErrorKind::busy, "lock", "could not be made shared");
    mode_ = LockMode::shared;
}

} // namespace pkgjail::base
