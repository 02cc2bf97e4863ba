// base::Tree: removing entries. What is removed may be hostile in shape: deeper than a path or the
// descriptors of a process reach, with names that are no RootPath, with other file systems mounted in it,
// with subvolumes in it (which whoever owns a directory on btrfs can make).
#include "pkgjail/base/tree.hpp"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/base/file_flags.hpp"
#include "pkgjail/base/retry.hpp"
#include "pkgjail/base/subvolume.hpp"
#include "pkgjail/base/tree_parts.hpp"

namespace pkgjail::base {

/// Empties directories below one tree. Works on descriptors and raw names.
class Tree::Removal {
  public:
    Removal(const Tree& tree, std::string shown) : tree_(tree), shown_(std::move(shown)) {
        struct stat top {};
        if (::fstat(tree.directory_.get(), &top) != 0)
            throw tree.failure(errno, RootPath(), "fstat");
        device_ = top.st_dev;
    }

    /// An entry and everything below it. `parent` stays open meanwhile; `device` is its own.
    void entry(const Fd& parent, dev_t device, const std::string& name, int depth) {
        // Again when somebody swaps or adds entries while we work; not for ever.
        for (int attempt = 0; attempt < 100; ++attempt) {
            struct stat status {};
            if (::fstatat(parent.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
                if (errno == ENOENT)
                    return;
                throw failed(name, "stat");
            }
            if (!S_ISDIR(status.st_mode)) {
                if (::unlinkat(parent.get(), name.c_str(), 0) == 0 || errno == ENOENT)
                    return;
                // A directory by now is EISDIR, on NetBSD EPERM.
                if (errno != EISDIR &&
                    !(errno == EPERM && (frees(parent, name) || is_directory(parent, name))))
                    throw failed(name, "unlink");
                continue;
            }
            if (status.st_dev != device && is_subvolume_in(parent, name)) {
                // What lies in it has another device number. From the top it is treated as a tree of its own.
                if (depth > 0 && set_aside(parent, name))
                    return;
                const SubvolumeRemoval outcome = remove_subvolume(parent, name, shown_);
                if (outcome == SubvolumeRemoval::done)
                    return;
                device = status.st_dev;
            } else if (depth >= deepest && set_aside(parent, name)) {
                return;
            }
            if (Fd directory = open(parent, device, name))
                content(directory, device, depth + 1, name);
            if (::unlinkat(parent.get(), name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT)
                return;
            if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR &&
                !(errno == EPERM && frees(parent, name)))
                throw failed(name, "rmdir");
        }
        throw Error(ErrorKind::busy, shown_, "entries appear in it while it is being removed");
    }

    void content(const Fd& directory, dev_t device, int depth, const std::string& shown) {
        free_directory(directory);
        for (const std::string& name : names_in(directory, shown))
            entry(directory, device, name, depth);
    }
    dev_t device() const { return device_; }

    /// What was moved up because it lay too deep; removing it may move up more.
    void set_aside_entries() {
        while (!aside_.empty()) {
            std::string name = std::move(aside_.back());
            aside_.pop_back();
            entry(tree_.directory_, device_, name, 0);
        }
    }

  private:
    /// Levels, and so descriptors, at a time.
    static constexpr int deepest = 64;

    /// These two leave errno as it was.
    static bool frees(const Fd& parent, const std::string& name) {
        const int error = errno;
        const bool freed = free_entry(parent, name);
        errno = error;
        return freed;
    }
    static bool is_directory(const Fd& parent, const std::string& name) {
        const int error = errno;
        struct stat status {};
        const bool is_one = ::fstatat(parent.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                            S_ISDIR(status.st_mode);
        errno = error;
        return is_one;
    }

    /// False for a mount point, of a subvolume too.
    bool is_subvolume_in(const Fd& parent, const std::string& name) const {
        const Fd directory(retrying([&] {
            return ::openat(parent.get(), name.c_str(),
                            O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
        }));
        struct stat status {};
        return directory && ::fstat(directory.get(), &status) == 0 &&
               !is_mount_point(directory, status.st_dev, name) && is_subvolume(directory, name);
    }

    /// Empty when it is no directory any more.
    Fd open(const Fd& parent, dev_t device, const std::string& name) const {
        constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
        const auto open_it = [&] { return ::openat(parent.get(), name.c_str(), flags); };
        int number = retrying(open_it);
        if (number < 0 && errno == EACCES && ::geteuid() != 0) {
            // Without root a directory of ours may be closed to us; for root there is no such thing.
            if (::fchmodat(parent.get(), name.c_str(), 0700, AT_SYMLINK_NOFOLLOW) == 0)
                number = retrying(open_it);
        }
        if (number < 0 && is_no_directory(errno))
            return {};
        if (number < 0)
            throw failed(name, "open");
        Fd directory(number);
        if (is_mount_point(directory, device, name))
            throw Error(ErrorKind::busy, shown_, "\"" + name + "\" in it is a mount point");
        struct stat status {};
        if (::geteuid() != 0 && ::fstat(number, &status) == 0 && (status.st_mode & 0700u) != 0700u &&
            ::fchmod(number, 0700) != 0)
            throw failed(name, "chmod");
        return directory;
    }

    /// Moves a directory to the top of the tree under a random name. False when it is gone.
    bool set_aside(const Fd& parent, const std::string& name) {
        // A mount point cannot be renamed (EBUSY), so none is carried along here.
        std::string aside = ".pkgjail-remove-" + random_hex(12);
        const auto move = [&] {
            return ::renameat(parent.get(), name.c_str(), tree_.directory_.get(), aside.c_str()) == 0;
        };
        if (!move() && !(errno == EPERM && frees(parent, name) && move())) {
            if (errno == ENOENT)
                return false;
            throw failed(name, "rename");
        }
        aside_.push_back(std::move(aside));
        return true;
    }

    Error failed(const std::string& name, std::string_view call) const {
        if (errno == EBUSY)
            return Error(ErrorKind::busy, shown_, "\"" + name + "\" in it is a mount point or in use");
        return system_error(errno, shown_, std::string(call) + " \"" + name + "\" in it");
    }

    const Tree& tree_;
    std::string shown_;
    dev_t device_ = 0;
    std::vector<std::string> aside_;
};

void Tree::remove_file(const RootPath& path) const {
    std::optional<Fd> parent = try_open_parent(path);
    if (!parent)
        return;
    struct stat status {};
    if (path.is_root() || (::fstatat(parent->get(), leaf(path).c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                           S_ISDIR(status.st_mode)))
        throw Error(ErrorKind::conflict, show(path), "is a directory");
    if (::unlinkat(parent->get(), leaf(path).c_str(), 0) != 0 && errno != ENOENT)
        throw failure(errno, path, "unlink");
}

void Tree::remove_all(const RootPath& path) const {
    Removal removal(*this, show(path));
    if (path.is_root()) {
        removal.content(directory_, removal.device(), 0, name_);
    } else {
        std::optional<Fd> parent = try_open_parent(path);
        if (!parent)
            return;
        struct stat status {};
        if (::fstat(parent->get(), &status) != 0)
            throw failure(errno, path, "fstat");
        removal.entry(*parent, status.st_dev, leaf(path), 0);
    }
    removal.set_aside_entries();
}

} // namespace pkgjail::base
