// base::Tree: copying a whole tree with everything that belongs to its files.
#include "pkgjail/base/tree.hpp"

#include <algorithm>
#include <cerrno>
#include <map>

#include <fcntl.h>
#include <unistd.h>

#include "pkgjail/base/attributes.hpp"
#include "pkgjail/base/reflink.hpp"
#include "pkgjail/base/retry.hpp"
#include "pkgjail/base/tree_parts.hpp"

namespace pkgjail::base {

namespace {

/// Copies [begin, end). With `skip_zeroes`, blocks of zeroes become holes: for systems that do not tell where
/// the holes are.
void copy_range(const Fd& from, const Fd& to, off_t begin, off_t end, bool skip_zeroes,
                const std::string& shown) {
    std::vector<char> buffer(256u << 10);
    while (begin < end) {
        std::size_t wanted =
            static_cast<std::size_t>(std::min<off_t>(end - begin, static_cast<off_t>(buffer.size())));
        ssize_t count = ::pread(from.get(), buffer.data(), wanted, begin);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            throw system_error(errno, shown, "read");
        if (count == 0)
            return; // it became shorter meanwhile
        if (skip_zeroes &&
            std::all_of(buffer.begin(), buffer.begin() + count, [](char c) { return c == 0; })) {
            begin += count;
            continue;
        }
        for (ssize_t done = 0; done < count;) {
            ssize_t written = ::pwrite(to.get(), buffer.data() + done, static_cast<std::size_t>(count - done),
                                       begin + done);
            if (written < 0 && errno == EINTR)
                continue;
            if (written < 0)
                throw system_error(errno, shown, "write the copy of");
            done += written;
        }
        begin += count;
    }
}

/// Of files and directories; capabilities and access lists are attributes as well. Comes after the owner,
/// because a change of owner clears them.
void copy_attributes(const Fd& from, const Fd& to, const std::string& shown) {
    for (const auto& [name, value] : read_attributes(from, shown))
        write_attribute(to, name, value, shown);
}

} // namespace

struct timespec modification_time(const struct stat& status) {
#ifdef __NetBSD__
    return status.st_mtimespec;
#else
    return status.st_mtim;
#endif
}

void copy_bytes(const Fd& from, const Fd& to, const struct stat& status, const std::string& shown) {
    if (reflink(from, to))
        return;
    const off_t size = status.st_size;
    bool sparse = static_cast<off_t>(status.st_blocks) * 512 < size;
#ifdef SEEK_DATA
    for (off_t begin = 0; sparse && begin < size;) {
        off_t data = ::lseek(from.get(), begin, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            break; // only a hole is left
        off_t hole = data < 0 ? -1 : ::lseek(from.get(), data, SEEK_HOLE);
        if (data < 0 || hole < 0)
            throw system_error(errno, shown, "find the holes of");
        copy_range(from, to, data, std::min(hole, size), false, shown);
        begin = hole;
    }
    if (!sparse)
        copy_range(from, to, 0, size, false, shown);
#else
    copy_range(from, to, 0, size, sparse, shown);
#endif
    // The hole at the end.
    if (sparse && retrying([&] { return ::ftruncate(to.get(), size); }) != 0)
        throw system_error(errno, shown, "set the size of the copy of");
}

class Tree::Copy {
  public:
    Copy(const Tree& from, const Tree& to) : from_(from), to_(to) {}

    void run() {
        Entry top = *from_.stat(RootPath());
        from_.walk([this](const Entry& entry) {
            copy(entry);
            return true;
        });
        // Directories last, the deepest first: what is made in a directory changes its times, and a mode
        // without write permission would keep us out.
        for (auto entry = directories_.rbegin(); entry != directories_.rend(); ++entry)
            finish_directory(*entry);
        finish_directory(top);
    }

    void run_one(const Entry& entry) {
        if (!entry.is_directory() && !entry.is_file() && !entry.is_symlink())
            throw Error(ErrorKind::corrupt, from_.show(entry.path),
                        "is a FIFO, a socket or a device, which is not copied");
        copy(entry);
        if (entry.is_directory())
            finish_directory(entry);
    }

  private:
    void copy(const Entry& entry) {
        if (entry.is_directory()) {
            to_.make_directory(entry.path, 0700);
            directories_.push_back(entry);
            return;
        }
        if (S_ISSOCK(entry.status.st_mode))
            return;
        if (S_ISBLK(entry.status.st_mode) || S_ISCHR(entry.status.st_mode))
            throw Error(ErrorKind::corrupt, from_.show(entry.path), "is a device, which is not copied");
        make_room(entry.path);
        if (entry.is_file())
            copy_file(entry);
        else if (entry.is_symlink())
            to_.make_symlink(entry.link_target, entry.path);
        else
            make_fifo(entry);
        if (!entry.is_file())
            finish_special(entry);
    }

    /// Takes away what has the name of a file to come.
    void make_room(const RootPath& path) {
        std::optional<Entry> there = to_.stat(path);
        if (there && there->is_directory())
            throw Error(ErrorKind::conflict, to_.show(path), "is a directory in the place of a file");
        if (there)
            to_.remove_file(path);
    }

    void copy_file(const Entry& entry) {
        Fd source = from_.open_regular(entry.path);
        // From here on what counts is the file that was opened, not the one that was listed.
        struct stat status {};
        if (::fstat(source.get(), &status) != 0)
            throw from_.failure(errno, entry.path, "fstat");
        std::pair<dev_t, ino_t> identity(status.st_dev, status.st_ino);
        if (status.st_nlink > 1) {
            auto [first, is_new] = linked_.try_emplace(identity, entry.path);
            if (!is_new) {
                to_.make_hard_link(to_, first->second, entry.path);
                return;
            }
        }
        Fd target = to_.create_file(entry.path, 0600);
        copy_bytes(source, target, status, from_.show(entry.path));
        finish(source, target, status, entry.path);
    }

    void make_fifo(const Entry& entry) {
        Fd parent = to_.open_parent(entry.path);
        if (::mkfifoat(parent.get(), leaf(entry.path).c_str(), 0600) != 0)
            throw to_.failure(errno, entry.path, "mkfifo");
    }

    /// Links and FIFOs, which cannot be opened.
    void finish_special(const Entry& entry) {
        if (::geteuid() == 0)
            to_.set_owner(entry.path, Owner{entry.status.st_uid, entry.status.st_gid});
        if (!entry.is_symlink()) {
            Fd parent = to_.open_parent(entry.path);
            if (::fchmodat(parent.get(), leaf(entry.path).c_str(), entry.status.st_mode & 07777u,
                           AT_SYMLINK_NOFOLLOW) != 0)
                throw to_.failure(errno, entry.path, "chmod");
        }
        to_.set_modification_time(entry.path, modification_time(entry.status));
    }

    void finish_directory(const Entry& entry) {
        int number = from_.try_open_beneath(entry.path, O_RDONLY | O_DIRECTORY);
        if (number < 0)
            throw from_.failure(errno, entry.path, "open");
        Fd source(number);
        finish(source, to_.open_beneath(entry.path, O_RDONLY | O_DIRECTORY), entry.status, entry.path);
    }

    /// Owner, then mode and attributes (a change of owner clears set-id bits and capabilities), then times.
    void finish(const Fd& source, const Fd& target, const struct stat& status, const RootPath& path) {
        if (::geteuid() == 0 && ::fchown(target.get(), status.st_uid, status.st_gid) != 0)
            throw to_.failure(errno, path, "chown");
        if (::fchmod(target.get(), status.st_mode & 07777u) != 0)
            throw to_.failure(errno, path, "chmod");
        copy_attributes(source, target, from_.show(path));
        const struct timespec times[2] = {{0, UTIME_OMIT}, modification_time(status)};
        if (::futimens(target.get(), times) != 0)
            throw to_.failure(errno, path, "futimens");
    }

    const Tree& from_;
    const Tree& to_;
    std::vector<Entry> directories_;
    /// First copy of each file that has several names.
    std::map<std::pair<dev_t, ino_t>, RootPath> linked_;
};

void Tree::copy_into(const Tree& target) const {
    Copy(*this, target).run();
}

void Tree::copy_entry(const Entry& entry, const Tree& target) const {
    Copy(*this, target).run_one(entry);
}

} // namespace pkgjail::base
