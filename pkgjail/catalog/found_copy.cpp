#include "pkgjail/catalog/found_copy.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/look.hpp"
#include "pkgjail/base/retry.hpp"

namespace pkgjail::catalog {
namespace {

using base::Error;
using base::ErrorKind;

/// No larger than what a disk loses at once.
constexpr std::size_t block = 4096;

/// A FIFO in its place keeps nobody waiting.
std::optional<base::Fd> open_regular(const std::string& path, struct stat& status) {
    auto file = base::open_file_if_exists(path, O_RDONLY | O_NONBLOCK);
    if (!file)
        return std::nullopt;
    if (::fstat(file->get(), &status) != 0)
        throw base::system_error(errno, path, "fstat");
    if (!S_ISREG(status.st_mode))
        throw Error(ErrorKind::corrupt, path, "not a regular file");
    return file;
}

/// Whether another process holds for itself any of these bytes.
bool is_locked(const std::string& path, off_t begin, off_t length) {
    struct stat status {};
    const auto file = open_regular(path, status);
    struct flock lock {};
    lock.l_type = F_RDLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = begin;
    lock.l_len = length;
    if (file && ::fcntl(file->get(), F_GETLK, &lock) != 0)
        throw base::system_error(errno, path, "fcntl");
    return file && lock.l_type != F_UNLCK;
}

/// The bytes that SQLite's file formats give to who writes without a WAL or has the file alone, and, in -shm,
/// to who writes or empties the WAL.
bool is_being_written(const std::string& file) {
    return is_locked(file, 0x40000000, 512) || is_locked(file + "-shm", 120, 2);
}

/// Not -shm, which SQLite makes again from -wal.
constexpr std::array<const char*, 3> suffixes = {"", "-wal", "-journal"};

/// What every write to one of the files changes.
std::string versions(const std::string& file) {
    std::string text;
    for (const char* suffix : suffixes) {
        struct stat status {};
        if (open_regular(file + suffix, status))
            text += fmt::format("{} {} {} {}.{}", suffix, status.st_ino, status.st_size,
                                status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
    }
    return text;
}

std::uint64_t copy_file(const std::string& from, const std::string& to) {
    struct stat status {};
    const auto source = open_regular(from, status);
    if (!source)
        return 0;
    const base::Fd target = base::open_file(to, O_WRONLY | O_CREAT | O_EXCL, 0600);
    std::uint64_t unreadable = 0;
    std::array<char, block> bytes{};
    for (off_t at = 0; at < status.st_size;) {
        const ssize_t count =
            base::retrying([&] { return ::pread(source->get(), bytes.data(), bytes.size(), at); });
        if (count < 0 && errno != EIO)
            throw base::system_error(errno, from, "read");
        if (count == 0)
            break; // it became shorter meanwhile
        std::size_t length = static_cast<std::size_t>(std::max<ssize_t>(count, 0));
        if (count < 0) {
            length = static_cast<std::size_t>(std::min<off_t>(block, status.st_size - at));
            bytes.fill('\0');
            unreadable += length;
        }
        base::write_all(target.get(), std::string_view(bytes.data(), length), to);
        at += static_cast<off_t>(length);
    }
    return unreadable;
}

} // namespace

std::uint64_t copy_as_found(const base::HostPath& file, const base::HostPath& copy,
                            std::chrono::milliseconds patience) {
    const std::string from = base::real_path(file).string(); // beside which the others lie
    if (!base::exists(from))
        throw base::system_error(ENOENT, from, "stat");
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
        if (!is_being_written(from)) {
            const std::string before = versions(from);
            std::uint64_t unreadable = 0;
            for (const char* suffix : suffixes)
                unreadable += copy_file(from + suffix, copy.string() + suffix);
            // Nothing kept another program from beginning meanwhile.
            if (!is_being_written(from) && versions(from) == before)
                return unreadable;
            std::error_code ignored; // what is left is in the way of the next copy, which says so
            for (const char* suffix : suffixes)
                std::filesystem::remove(copy.string() + suffix, ignored);
        }
        if (std::chrono::steady_clock::now() >= deadline)
            throw Error(ErrorKind::busy, from, "another program is writing to it",
                        "try again, or give --wait SECONDS");
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

} // namespace pkgjail::catalog
