#include "pkgjail/store/compare.hpp"

#include <cerrno>

#include <unistd.h>

#include "pkgjail/base/error.hpp"

namespace pkgjail::store {

using base::Entry;
using base::Fd;
using base::Tree;

namespace {

constexpr std::size_t block_size = 64u << 10;

/// Fills the block but at the file's end.
std::string_view read_block(const Fd& fd, std::vector<char>& block, const std::string& shown) {
    std::size_t have = 0;
    while (have < block.size()) {
        const ssize_t count = ::read(fd.get(), block.data() + have, block.size() - have);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            throw base::system_error(errno, shown, "read");
        if (count == 0)
            break;
        have += static_cast<std::size_t>(count);
    }
    return {block.data(), have};
}

} // namespace

const char* type_name(const Entry& entry) {
    switch (entry.status.st_mode & S_IFMT) {
    case S_IFREG:
        return "file";
    case S_IFLNK:
        return "symbolic link";
    case S_IFDIR:
        return "directory";
    case S_IFIFO:
        return "FIFO";
    case S_IFSOCK:
        return "socket";
    default:
        return "device";
    }
}

bool same_content(const Tree& tree_a, const Entry& a, const Tree& tree_b, const Entry& b) {
    if (a.status.st_dev == b.status.st_dev && a.status.st_ino == b.status.st_ino)
        return true;
    if (a.status.st_size != b.status.st_size)
        return false;
    const Fd fd_a = tree_a.open_regular(a.path);
    const Fd fd_b = tree_b.open_regular(b.path);
    std::vector<char> block_a(block_size), block_b(block_size);
    for (;;) {
        const std::string_view bytes_a = read_block(fd_a, block_a, tree_a.show(a.path));
        const std::string_view bytes_b = read_block(fd_b, block_b, tree_b.show(b.path));
        if (bytes_a != bytes_b)
            return false;
        if (bytes_a.size() < block_size)
            return true;
    }
}

bool same_owner_and_mode(const Entry& a, const Entry& b) {
    return a.status.st_uid == b.status.st_uid && a.status.st_gid == b.status.st_gid &&
           (a.is_symlink() || a.permissions() == b.permissions());
}

bool same_entry(const Tree& tree_a, const Entry& a, const Tree& tree_b, const Entry& b) {
    if ((a.status.st_mode & S_IFMT) != (b.status.st_mode & S_IFMT) || !same_owner_and_mode(a, b))
        return false;
    if (a.is_file())
        return same_content(tree_a, a, tree_b, b);
    return a.is_symlink() ? a.link_target == b.link_target : a.is_directory();
}

} // namespace pkgjail::store
