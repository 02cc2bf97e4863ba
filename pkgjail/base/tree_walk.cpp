// base::Tree: listing and walking.
#include "pkgjail/base/tree.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/sysmacros.h>
#endif

#include "pkgjail/base/retry.hpp"
#include "pkgjail/base/tree_parts.hpp"

namespace pkgjail::base {

std::vector<std::string> names_in(const Fd& directory, std::string_view shown_as) {
    // A descriptor of its own: fdopendir takes it over, and a duplicate would share the reading position.
    Fd own(retrying([&] { return ::openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    if (!own && errno == ENOENT)
        return {}; // removed meanwhile: where Linux lists nothing, NetBSD finds no "."
    if (!own)
        throw system_error(errno, std::string(shown_as), "open");
    auto close = [](DIR* stream) { ::closedir(stream); };
    std::unique_ptr<DIR, decltype(close)> stream(::fdopendir(own.get()), close);
    if (!stream)
        throw system_error(errno, std::string(shown_as), "fdopendir");
    own.release();
    std::vector<std::string> names;
    for (;;) {
        errno = 0;
        const struct dirent* entry = ::readdir(stream.get());
        if (entry == nullptr && errno != 0)
            throw system_error(errno, std::string(shown_as), "readdir");
        if (entry == nullptr)
            break;
        if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0)
            names.emplace_back(entry->d_name);
    }
    std::sort(names.begin(), names.end());
    return names;
}

bool is_mount_point(const Fd& directory, dev_t device, std::string_view shown_as) {
#if defined(__linux__) && defined(STATX_ATTR_MOUNT_ROOT)
    struct statx status {};
    if (::statx(directory.get(), "", AT_EMPTY_PATH, STATX_TYPE, &status) != 0)
        throw system_error(errno, std::string(shown_as), "statx");
    return makedev(status.stx_dev_major, status.stx_dev_minor) != device ||
           (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
#else
    struct stat status {};
    if (::fstat(directory.get(), &status) != 0)
        throw system_error(errno, std::string(shown_as), "fstat");
    return status.st_dev != device;
#endif
}

namespace {

/// Where entries are read to.
struct EntryBuffer {
    alignas(8) char bytes[32 << 10];
};

/// As names_in(), of a directory that nobody has read from since it was opened: through its own descriptor.
std::vector<std::string> names_in_fresh(const Fd& directory, std::string_view shown_as, EntryBuffer& room) {
#ifdef __linux__
    std::vector<std::string> names;
    const char* const buffer = room.bytes;
    for (;;) {
        const ssize_t size =
            retrying([&] { return ::getdents64(directory.get(), room.bytes, sizeof room.bytes); });
        if (size < 0 && errno != ENOENT) // removed meanwhile
            throw system_error(errno, std::string(shown_as), "getdents64");
        if (size <= 0)
            break;
        for (ssize_t at = 0; at < size;) {
            struct dirent64 head {};
            std::memcpy(&head, buffer + at, offsetof(struct dirent64, d_name));
            const std::string_view name(buffer + at + offsetof(struct dirent64, d_name));
            if (name != "." && name != "..")
                names.emplace_back(name);
            at += head.d_reclen;
        }
    }
    std::sort(names.begin(), names.end());
    return names;
#else
    (void)room;
    return names_in(directory, shown_as);
#endif
}

} // namespace

/// One walk. Holds the directory that is being listed and its ancestors; those deeper than `held_levels` are
/// opened by their path again instead.
class Tree::Walk {
  public:
    Walk(const Tree& tree, const std::function<bool(const Entry&)>& visit) : tree_(tree), visit_(visit) {
        struct stat top {};
        if (::fstat(tree.directory_.get(), &top) != 0)
            throw tree.failure(errno, RootPath(), "fstat");
        device_ = top.st_dev;
    }

    void directory(const RootPath& path, int depth) {
        Fd here = open(path);
        if (!here || (depth > 0 && is_mount_point(here, device_, tree_.show(path))))
            return;
        for (const std::string& name : names_in_fresh(here, tree_.show(path), room_)) {
            if (!here)
                here = open(path);
            if (!here)
                return;
            std::optional<Entry> entry = tree_.look(here, path.entry(name));
            if (!entry || !visit_(*entry) || !entry->is_directory())
                continue;
            if (depth >= held_levels)
                here.reset();
            directory(entry->path, depth + 1);
        }
    }

  private:
    static constexpr int held_levels = 32;

    /// Empty when it is gone, or something else than a directory by now.
    Fd open(const RootPath& path) const {
        int number = tree_.try_open_beneath(path, O_RDONLY | O_DIRECTORY);
        if (number < 0 && !is_no_directory(errno))
            throw tree_.failure(errno, path, "open");
        return Fd(number);
    }

    const Tree& tree_;
    const std::function<bool(const Entry&)>& visit_;
    dev_t device_ = 0;
    EntryBuffer room_; ///< not on the stack of each level
};

void Tree::walk(const std::function<bool(const Entry&)>& visit) const {
    Walk(*this, visit).directory(RootPath(), 0);
}

} // namespace pkgjail::base
