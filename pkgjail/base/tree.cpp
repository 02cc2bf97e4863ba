#include "pkgjail/base/tree.hpp"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/base/retry.hpp"
#include "pkgjail/base/tree_parts.hpp"

namespace pkgjail::base {

namespace {

/// Link targets are bounded by the kernel; a longer answer is no link of this world.
constexpr std::size_t longest_link = 4096;

/// nullopt with errno when it is no link (any more).
std::optional<std::string> read_link(const Fd& parent, const std::string& name) {
    std::string target(longest_link + 1, '\0');
    ssize_t count = ::readlinkat(parent.get(), name.c_str(), target.data(), target.size());
    if (count < 0)
        return std::nullopt;
    target.resize(static_cast<std::size_t>(count));
    return target;
}

HostPath without_trailing_slash(const HostPath& path) {
    // "dir/" would follow a link named dir.
    std::string text = path.string();
    while (text.size() > 1 && text.back() == '/')
        text.pop_back();
    return text;
}

} // namespace

Tree::Tree(Fd directory, std::string shown_as)
    : directory_(std::move(directory)), name_(std::move(shown_as)) {}

Tree Tree::open(const HostPath& path) {
    HostPath plain = without_trailing_slash(path);
    const int number = retrying(
        [&] { return ::open(plain.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK); });
    if (number >= 0)
        return Tree(Fd(number), plain.string());
    int error = errno;
    struct stat status {};
    if (::lstat(plain.c_str(), &status) == 0 && !S_ISDIR(status.st_mode))
        throw Error(ErrorKind::corrupt, plain.string(),
                    S_ISLNK(status.st_mode) ? "is a symbolic link, not a directory" : "is not a directory");
    throw system_error(error, plain.string(), "open");
}

Tree Tree::create(const HostPath& path, unsigned mode) {
    HostPath plain = without_trailing_slash(path);
    bool made = ::mkdir(plain.c_str(), static_cast<mode_t>(mode)) == 0;
    if (!made && errno != EEXIST)
        throw system_error(errno, plain.string(), "mkdir");
    Tree tree = open(plain);
    if (made && ::fchmod(tree.directory_.get(), static_cast<mode_t>(mode)) != 0)
        throw system_error(errno, plain.string(), "fchmod");
    return tree;
}

std::string Tree::show(const RootPath& path) const {
    if (path.is_root())
        return name_;
    return name_ == "/" ? path.str() : name_ + path.str();
}

std::optional<Entry> Tree::stat(const RootPath& path) const {
    int number = try_open_beneath(path.parent(), search_flags);
    if (number < 0 && (errno == ENOENT || errno == ENOTDIR))
        return std::nullopt; // below a file there is nothing
    if (number < 0)
        throw failure(errno, path, "open the directory of");
    return look(Fd(number), path);
}

std::optional<Entry> Tree::look(const Fd& parent, const RootPath& path) const {
    Entry entry;
    entry.path = path;
    // A link may become something else between the two calls; whoever keeps swapping it gets a failure.
    for (int attempt = 0; attempt < 10; ++attempt) {
        if (::fstatat(parent.get(), leaf(path).c_str(), &entry.status, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno == ENOENT)
                return std::nullopt;
            throw failure(errno, path, "stat");
        }
        if (!entry.is_symlink())
            return entry;
        if (std::optional<std::string> target = read_link(parent, leaf(path))) {
            entry.link_target = std::move(*target);
            return entry;
        }
        if (errno != EINVAL && errno != ENOENT)
            throw failure(errno, path, "readlink");
    }
    throw failure(EAGAIN, path, "stat");
}

Fd Tree::open_regular(const RootPath& path) const {
    Fd file = open_node(path);
    struct stat status {};
    if (::fstat(file.get(), &status) != 0)
        throw failure(errno, path, "fstat");
    if (!S_ISREG(status.st_mode))
        throw Error(ErrorKind::corrupt, show(path), "is not a regular file");
    return file;
}

Tree Tree::open_tree(const RootPath& path) const {
    return Tree(open_beneath(path, O_RDONLY | O_DIRECTORY), show(path));
}

std::string Tree::read(const RootPath& path, std::size_t max_bytes) const {
    return read_all(open_regular(path), show(path), max_bytes);
}

std::vector<std::string> Tree::list(const RootPath& path) const {
    return names_in(open_beneath(path, O_RDONLY | O_DIRECTORY), show(path));
}

void Tree::set_owner(const RootPath& path, Owner owner) const {
    Fd parent = open_parent(path);
    if (::fchownat(parent.get(), leaf(path).c_str(), owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW) != 0)
        throw failure(errno, path, "chown");
}

void Tree::set_permissions(const RootPath& path, unsigned mode) const {
    if (::fchmod(open_node(path).get(), static_cast<mode_t>(mode)) != 0)
        throw failure(errno, path, "chmod");
}

void Tree::set_modification_time(const RootPath& path, const struct timespec& time) const {
    Fd parent = open_parent(path);
    const struct timespec times[2] = {{0, UTIME_OMIT}, time};
    if (::utimensat(parent.get(), leaf(path).c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
        throw failure(errno, path, "utimensat");
}

} // namespace pkgjail::base
