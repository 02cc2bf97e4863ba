#include "pkgjail/repo/cache.hpp"

#include <cerrno>
#include <ctime>
#include <vector>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/parallel.hpp"
#include "pkgjail/repo/cache_entry.hpp"
#include "pkgjail/repo/cache_obtain.hpp"
#include "pkgjail/repo/own_file.hpp"

namespace pkgjail::repo {

namespace {

using base::Error;
using base::ErrorKind;

/// prune() goes by the time of the last change, so a use is written down as one; at most once an hour, to
/// spare the disk.
void mark_used(const base::Fd& fd, const base::HostPath& path) {
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0)
        throw base::system_error(errno, path.string(), "fstat");
    if (status.st_mtime > ::time(nullptr) - 3600)
        return;
    // Who may read the cache and not write it can use it all the same; the archive is then pruned earlier.
    if (::futimens(fd.get(), nullptr) != 0 && errno != EACCES && errno != EPERM && errno != EROFS)
        throw base::system_error(errno, path.string(), "futimens");
}

} // namespace

Cache::Cache(base::HostPath directory) : directory_(std::move(directory)) {
    base::make_directories(directory_, 0700);
}

std::optional<CheckedArchive> Cache::find(const WantedArchive& wanted) const {
    const std::string label = entry_label(wanted);
    const auto sha256 = resolve_label(directory_, label);
    if (!sha256)
        return std::nullopt;
    const base::HostPath path = directory_ / archive_name(*sha256);
    auto fd = open_own_file(path, O_RDONLY);
    if (!fd)
        return std::nullopt;
    const Reading reading = read_archive(*fd, path, label_algorithm(label));
    if (reading.sha256 != *sha256) {
        remove_any(path);
        return std::nullopt;
    }
    if (!mismatch(wanted, label, reading).empty()) {
        // The archive is what its name says; it is the line that leads to it that is wrong, or the promised
        // size.
        if (label != archive_name(*sha256))
            remove_any(directory_ / label);
        return std::nullopt;
    }
    mark_used(*fd, path);
    return CheckedArchive{wanted.pkgname, path, std::move(*fd), reading.sha256, reading.size};
}

std::vector<CheckedArchive> Cache::obtain(const std::vector<WantedArchive>& wanted,
                                          const jail::NetworkConfig& network,
                                          const ProgressSink& progress) const {
    std::vector<std::optional<CheckedArchive>> found(wanted.size());
    Obtaining obtaining(directory_, network, progress);
    base::in_parallel(wanted.size(), [&](std::size_t i) { found[i] = find(wanted[i]); });
    for (std::size_t i = 0; i < wanted.size(); ++i)
        if (!found[i])
            obtaining.add(wanted[i], i);
    obtaining.run(found);

    std::vector<CheckedArchive> archives;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        // The same archive wanted twice was fetched once.
        if (!found[i])
            found[i] = find(wanted[i]);
        if (!found[i])
            throw Error(ErrorKind::busy, wanted[i].pkgname, "its archive was removed from the cache just now",
                        "try again");
        archives.push_back(std::move(*found[i]));
    }
    return archives;
}

void Cache::keep(const CheckedArchive& archive) const {
    const base::HostPath place = directory_ / archive_name(archive.sha256);
    std::error_code error;
    if (std::filesystem::exists(place, error))
        return;
    // Under the name of a finished download that nobody has looked at yet, until it is whole; find() checks
    // it again.
    const base::HostPath unchecked = directory_ / ("fetch-" + base::random_hex(8));
    const base::Fd to = base::open_file(unchecked, O_WRONLY | O_CREAT | O_EXCL, 0600);
    std::vector<char> buffer(256u << 10);
    for (off_t at = 0;;) {
        const ssize_t count = ::pread(archive.fd.get(), buffer.data(), buffer.size(), at);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            throw base::system_error(errno, archive.path.string(), "read");
        if (count == 0)
            break;
        base::write_all(to.get(), std::string_view(buffer.data(), static_cast<std::size_t>(count)),
                        unchecked.string());
        at += count;
    }
    base::rename_durably(unchecked, place);
}

void Cache::forget(const WantedArchive& wanted) const {
    const std::string label = entry_label(wanted);
    if (!label_algorithm(label))
        remove_any(directory_ / label);
}

CheckedArchive check_local_archive(const base::HostPath& path) {
    // Looked at first: opening a FIFO or a device can have effects of its own.
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0)
        throw base::system_error(errno, path.string(), "stat");
    const Error not_regular(ErrorKind::corrupt, path.string(), "is not a regular file");
    if (!S_ISREG(status.st_mode))
        throw not_regular;
    CheckedArchive archive;
    archive.path = path;
    archive.fd = base::open_file(path, O_RDONLY | O_NONBLOCK);
    if (::fstat(archive.fd.get(), &status) != 0)
        throw base::system_error(errno, path.string(), "fstat");
    if (!S_ISREG(status.st_mode))
        throw not_regular;
    const Reading reading = read_archive(archive.fd, path, std::nullopt);
    archive.sha256 = reading.sha256;
    archive.size = reading.size;
    return archive;
}

} // namespace pkgjail::repo
