#include "pkgjail/repo/partial_file.hpp"

#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/retry.hpp"
#include "pkgjail/repo/own_file.hpp"

namespace pkgjail::repo {

const std::string& Validators::for_resuming() const {
    // A weak ETag promises the same meaning, not the same bytes (RFC 9110, 8.8.1).
    return etag.empty() || etag.substr(0, 2) == "W/" ? last_modified : etag;
}

PartialFile::PartialFile(const base::HostPath& path, std::string_view url)
    : path_(path), source_(base::sha256(url)) {
    if (open_and_lock()) {
        read_notes();
        return;
    }
    path_ = path.string() + "-" + base::random_hex(8);
    fd_ = base::open_file(path_, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW);
    // Says to whoever sweeps the cache that it is in use.
    if (::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0)
        throw base::system_error(errno, path_.string(), "flock");
}

PartialFile::~PartialFile() {
    if (!fd_ || can_be_resumed())
        return;
    ::unlink(path_.c_str());
    ::unlink(notes().c_str());
}

/// False when another process is at it.
bool PartialFile::open_and_lock() {
    for (;;) {
        std::optional<base::Fd> fd = open_own_file(path_, O_RDWR);
        if (!fd) {
            fd.emplace(base::retrying([&] {
                return ::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
            }));
            if (!*fd && errno == EEXIST)
                continue;
            if (!*fd)
                throw base::system_error(errno, path_.string(), "open");
        }
        if (::flock(fd->get(), LOCK_EX | LOCK_NB) != 0)
            return false;
        // Its owner may have renamed or removed it between our open and our lock.
        struct stat ours {
        }, named{};
        if (::fstat(fd->get(), &ours) != 0)
            throw base::system_error(errno, path_.string(), "fstat");
        if (::lstat(path_.c_str(), &named) == 0 && ours.st_dev == named.st_dev &&
            ours.st_ino == named.st_ino) {
            fd_ = std::move(*fd);
            return true;
        }
    }
}

void PartialFile::read_notes() {
    const auto fd = open_own_file(notes(), O_RDONLY);
    const std::string text = fd ? base::read_all(*fd, notes().string(), 64u << 10) : std::string();
    const std::size_t first = text.find('\n');
    const std::size_t second = first == std::string::npos ? first : text.find('\n', first + 1);
    const std::size_t third = second == std::string::npos ? second : text.find('\n', second + 1);
    if (third == std::string::npos || text.substr(0, first) != source_) {
        restart({});
        return;
    }
    validators_.etag = text.substr(first + 1, second - first - 1);
    validators_.last_modified = text.substr(second + 1, third - second - 1);
    size_ = file_size(fd_, path_);
    if (::lseek(fd_.get(), 0, SEEK_END) < 0)
        throw base::system_error(errno, path_.string(), "lseek");
}

void PartialFile::restart(const Validators& validators) {
    // Notes without bytes say nothing wrong; old bytes under new notes would.
    if (base::retrying([&] { return ::ftruncate(fd_.get(), 0); }) != 0)
        throw base::system_error(errno, path_.string(), "ftruncate");
    if (::lseek(fd_.get(), 0, SEEK_SET) < 0)
        throw base::system_error(errno, path_.string(), "lseek");
    size_ = 0;
    validators_ = validators;
    remove_any(notes());
    if (validators_.for_resuming().empty())
        return;
    const base::Fd fd = base::open_file(notes(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
    base::write_all(fd.get(), source_ + "\n" + validators_.etag + "\n" + validators_.last_modified + "\n",
                    notes().string());
}

void PartialFile::append(std::string_view bytes) {
    base::write_all(fd_.get(), bytes, path_.string());
    size_ += bytes.size();
}

void PartialFile::commit(const base::HostPath& destination) {
    remove_any(notes());
    if (::rename(path_.c_str(), destination.c_str()) != 0)
        throw base::system_error(errno, destination.string(), "rename");
    fd_.reset();
}

} // namespace pkgjail::repo
