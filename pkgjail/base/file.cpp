#include "pkgjail/base/file.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/random.h>
#endif

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file_set.hpp"
#include "pkgjail/base/tree.hpp"

namespace pkgjail::base {

namespace {

int open_retrying(const HostPath& path, int flags, unsigned mode) {
    int number = -1;
    do
        number = ::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY, static_cast<mode_t>(mode));
    while (number < 0 && errno == EINTR);
    return number;
}

HostPath directory_of(const HostPath& path) {
    HostPath parent = path.parent_path();
    return parent.empty() ? HostPath(".") : parent;
}

[[noreturn]] void refuse_length(std::string_view name, std::size_t max_bytes) {
    throw Error(ErrorKind::corrupt, std::string(name),
                "is longer than " + std::to_string(max_bytes) + " bytes, the most that is read of it");
}

/// What is left of it.
std::string read_rest(const Fd& fd, std::string_view name, std::size_t max_bytes) {
    std::string content;
    constexpr std::size_t piece = 64u << 10;
    const auto buffer = std::make_unique_for_overwrite<char[]>(piece); // most files are much smaller
    for (;;) {
        const ssize_t count = ::read(fd.get(), buffer.get(), piece);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            throw system_error(errno, std::string(name), "read");
        if (count == 0)
            return content;
        content.append(buffer.get(), static_cast<std::size_t>(count));
        if (content.size() > max_bytes)
            refuse_length(name, max_bytes);
    }
}

/// One that was just opened.
std::string read_regular(const Fd& fd, const HostPath& path, std::size_t max_bytes) {
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0)
        throw system_error(errno, path.string(), "fstat");
    if (!S_ISREG(status.st_mode))
        throw Error(ErrorKind::corrupt, path.string(), "is not a regular file");
    // A size that is already too large is refused before anything of it is read.
    if (static_cast<std::uint64_t>(status.st_size) > max_bytes)
        refuse_length(path.string(), max_bytes);
    return read_rest(fd, path.string(), max_bytes);
}

/// A file beside `target` that vanishes unless it is renamed over it.
class TemporaryFile {
  public:
    TemporaryFile(const HostPath& target, unsigned mode)
        : path_(directory_of(target) / (".pkgjail-" + random_hex(12))), fd_(create_beside(target, path_)) {
        // The umask must not decide who may read it.
        if (::fchmod(fd_.get(), static_cast<mode_t>(mode)) != 0) {
            int error = errno;
            ::unlink(path_.c_str());
            throw system_error(error, target.string(), "fchmod");
        }
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile() {
        if (fd_)
            ::unlink(path_.c_str());
    }
    int fd() const { return fd_.get(); }
    void sync(const HostPath& target) const {
        if (::fsync(fd_.get()) != 0)
            throw system_error(errno, target.string(), "fsync");
    }
    void commit_as(const HostPath& target) {
        sync(target);
        if (::rename(path_.c_str(), target.c_str()) != 0)
            throw system_error(errno, target.string(), "rename");
        fd_.reset();
    }
    /// As `target`, where there is nothing; the destructor removes the other name.
    void commit_as_new(const HostPath& target) {
        sync(target);
        if (::link(path_.c_str(), target.c_str()) == 0)
            return;
        if (errno == EEXIST)
            throw Error(ErrorKind::conflict, target.string(), "exists already");
        throw system_error(errno, target.string(), "link");
    }

  private:
    HostPath path_;
    Fd fd_;
};

} // namespace

Fd open_file(const HostPath& path, int flags, unsigned mode) {
    int number = open_retrying(path, flags, mode);
    if (number < 0)
        throw system_error(errno, path.string(), "open");
    return Fd(number);
}

Fd create_beside(const HostPath& target, const HostPath& temporary, unsigned mode) {
    const int number = open_retrying(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    if (number >= 0)
        return Fd(number);
    const int reason = errno;
    if (reason == ENOENT)
        require_directory_of(target);
    throw system_error(reason, target.string(), "open");
}

void require_directory_of(const HostPath& file) {
    const HostPath directory = directory_of(file);
    struct stat status {};
    if (::stat(directory.c_str(), &status) != 0 && errno == ENOENT)
        throw Error(ErrorKind::not_found, file.string(), "its directory is not there",
                    "make " + directory.string() + " first, or name a file in another directory");
}

void require_replaceable(const HostPath& file) {
    require_directory_of(file);
    if (::faccessat(AT_FDCWD, (directory_of(file) / ".").c_str(), W_OK | X_OK, AT_EACCESS) != 0)
        throw system_error(errno, file.string(), "open");
    struct stat status {};
    if (::lstat(file.c_str(), &status) == 0 ? S_ISDIR(status.st_mode) : errno != ENOENT)
        throw system_error(S_ISDIR(status.st_mode) ? EISDIR : errno, file.string(), "rename");
}

std::optional<Fd> open_file_if_exists(const HostPath& path, int flags) {
    int number = open_retrying(path, flags & ~O_CREAT, 0);
    if (number < 0 && (errno == ENOENT || errno == ENOTDIR))
        return std::nullopt;
    if (number < 0)
        throw system_error(errno, path.string(), "open");
    return Fd(number);
}

std::string read_file(const HostPath& path, std::size_t max_bytes) {
    return read_regular(open_file(path, O_RDONLY | O_NONBLOCK), path, max_bytes);
}

std::optional<std::string> read_file_if_exists(const HostPath& path, std::size_t max_bytes) {
    std::optional<Fd> fd = open_file_if_exists(path, O_RDONLY | O_NONBLOCK);
    if (!fd)
        return std::nullopt;
    return read_regular(*fd, path, max_bytes);
}

std::string read_all(const Fd& fd, std::string_view name, std::size_t max_bytes) {
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0)
        throw system_error(errno, std::string(name), "fstat");
    if (S_ISREG(status.st_mode)) {
        const off_t position = ::lseek(fd.get(), 0, SEEK_CUR);
        if (position < 0)
            throw system_error(errno, std::string(name), "lseek");
        if (status.st_size > position && static_cast<std::uint64_t>(status.st_size - position) > max_bytes)
            refuse_length(name, max_bytes);
    }
    return read_rest(fd, name, max_bytes);
}

void write_all(int fd, std::string_view bytes, std::string_view name) {
    while (!bytes.empty()) {
        ssize_t count = ::write(fd, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno == EAGAIN) {
            struct pollfd ready {
                fd, POLLOUT, 0
            };
            if (::poll(&ready, 1, -1) < 0 && errno != EINTR)
                throw system_error(errno, std::string(name), "poll");
            continue;
        }
        if (count < 0)
            throw system_error(errno, std::string(name), "write");
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
}

void write_file_atomically(const HostPath& path, std::string_view bytes, unsigned mode) {
    TemporaryFile file(path, mode);
    write_all(file.fd(), bytes, path.string());
    file.commit_as(path);
    sync_directory(directory_of(path));
}

void write_files_atomically(const std::vector<NewContent>& files, unsigned mode,
                            const std::function<void()>& placed) {
    std::vector<std::unique_ptr<TemporaryFile>> staged;
    for (const NewContent& file : files) {
        staged.push_back(std::make_unique<TemporaryFile>(file.path, mode));
        write_all(staged.back()->fd(), file.bytes, file.path.string());
        staged.back()->sync(file.path);
    }
    for (std::size_t i = 0; i < files.size(); ++i) {
        staged[i]->commit_as(files[i].path);
        placed();
    }
    if (!files.empty())
        sync_directory(directory_of(files.front().path));
}

void write_new_file_atomically(const HostPath& path, std::string_view bytes, unsigned mode) {
    {
        TemporaryFile file(path, mode);
        write_all(file.fd(), bytes, path.string());
        file.commit_as_new(path);
    }
    sync_directory(directory_of(path));
}

void make_directories(const HostPath& path, unsigned mode) {
    HostPath sofar;
    for (const HostPath& component : path) {
        sofar /= component;
        if (::mkdir(sofar.c_str(), static_cast<mode_t>(mode)) == 0) {
            try {
                sync_directory(directory_of(sofar));
            } catch (...) {
                ::rmdir(sofar.c_str()); // it would be taken for one that lasts
                throw;
            }
            continue;
        }
        int error = errno;
        struct stat status {};
        // Not only for EEXIST: mkdir of an existing directory may say EROFS or EACCES first.
        if (::stat(sofar.c_str(), &status) != 0)
            throw system_error(error, sofar.string(), "mkdir");
        if (!S_ISDIR(status.st_mode))
            throw Error(ErrorKind::conflict, sofar.string(), "exists and is not a directory");
    }
}

void sync_directory(const HostPath& path) {
    Fd directory = open_file(path, O_RDONLY | O_DIRECTORY);
    // EINVAL: this file system has nothing to sync in a directory.
    if (::fsync(directory.get()) != 0 && errno != EINVAL)
        throw system_error(errno, path.string(), "fsync");
}

void sync_file_system(const Fd& dir) {
#ifdef __linux__
    if (::syncfs(dir.get()) != 0)
        throw system_error(errno, "file system", "syncfs");
#else
    // sync(2) only begins the writes; begun all at once, they are waited for one by one.
    ::sync();
    Tree(dir.duplicate(), "file system").sync();
#endif
}

void rename_durably(const HostPath& from, const HostPath& to) {
    if (::rename(from.c_str(), to.c_str()) != 0)
        throw system_error(errno, from.string(), "rename to " + to.string());
    sync_directory(directory_of(to));
    if (directory_of(from) != directory_of(to))
        sync_directory(directory_of(from));
}

std::uint64_t free_bytes(const HostPath& path) {
    struct statvfs status {};
    if (::statvfs(path.c_str(), &status) != 0)
        throw system_error(errno, path.string(), "statvfs");
    // What is kept back for root counts for root only.
    std::uint64_t blocks = ::geteuid() == 0 ? status.f_bfree : status.f_bavail;
    return blocks * static_cast<std::uint64_t>(status.f_frsize);
}

std::string random_hex(std::size_t count) {
    std::string bytes(count, '\0');
#ifdef __linux__
    for (std::size_t done = 0; done < count;) {
        ssize_t got = ::getrandom(bytes.data() + done, count - done, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            throw system_error(errno, "random numbers", "getrandom");
        done += static_cast<std::size_t>(got);
    }
#else
    ::arc4random_buf(bytes.data(), count);
#endif
    constexpr std::string_view hexadecimal = "0123456789abcdef";
    std::string text;
    for (char byte : bytes) {
        text += hexadecimal[(static_cast<unsigned char>(byte) >> 4) & 15u];
        text += hexadecimal[static_cast<unsigned char>(byte) & 15u];
    }
    return text;
}

} // namespace pkgjail::base
