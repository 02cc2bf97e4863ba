#include "pkgjail/base/mounts.hpp"

#include <cerrno>
#include <sstream>

#include <fcntl.h>

#ifdef __NetBSD__
#include <sys/statvfs.h>
#endif

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/look.hpp"
#include "pkgjail/base/tree.hpp"
#include "pkgjail/base/tree_parts.hpp"

namespace pkgjail::base {

namespace {

#ifdef __linux__
/// mountinfo writes blanks, tabs, newlines and backslashes of names as \NNN (octal).
std::string decode(std::string_view text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 3 < text.size()) {
            plain +=
                static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
            i += 3;
        } else {
            plain += text[i];
        }
    }
    return plain;
}
#endif

} // namespace

bool is_mount_point(const Tree& tree, const RootPath& directory) {
    struct stat top {};
    if (::fstat(tree.fd().get(), &top) != 0)
        throw system_error(errno, tree.name(), "fstat");
    const Tree there = tree.open_tree(directory);
    return is_mount_point(there.fd(), top.st_dev, there.name());
}

bool lies_below(std::string_view point, std::string_view path) {
    return point == path ||
           (point.size() > path.size() && point.starts_with(path) && point[path.size()] == '/');
}

std::vector<Mount> mount_table() {
    std::vector<Mount> mounts;
#ifdef __linux__
    // proc files have no size; read_all takes them to their end.
    const std::string table =
        read_all(open_file("/proc/self/mountinfo", O_RDONLY), "/proc/self/mountinfo", 64u << 20);
    std::istringstream lines(table);
    for (std::string line; std::getline(lines, line);) {
        // "36 35 98:0 /below /point options [optional…] - type source options"
        std::istringstream fields(line);
        Mount mount;
        std::string field;
        for (int number = 1; fields >> field && field != "-"; ++number)
            if (number == 5)
                mount.point = decode(field);
        fields >> mount.type >> mount.source;
        mount.source = decode(mount.source);
        mounts.push_back(std::move(mount));
    }
#else
    struct statvfs* table = nullptr;
    const int count = ::getmntinfo(&table, ST_NOWAIT); // the memory is libc's
    if (count == 0)
        throw system_error(errno, "/", "getmntinfo");
    for (int i = 0; i < count; ++i)
        mounts.push_back({table[i].f_mntonname, table[i].f_fstypename, table[i].f_mntfromname});
#endif
    return mounts;
}

std::vector<std::string> mounts_below(const HostPath& path) {
    const std::string wanted = real_path(path).string();
    std::vector<std::string> points;
    for (Mount& mount : mount_table())
        if (lies_below(mount.point, wanted))
            points.push_back(std::move(mount.point));
    return points;
}

} // namespace pkgjail::base
