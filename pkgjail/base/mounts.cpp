#include "pkgjail/base/mounts.hpp"

#include <algorithm>
#include <string_view>

#include <fcntl.h>

#ifdef __NetBSD__
#include <sys/statvfs.h>
#endif

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"

namespace pkgjail::base {

namespace {

bool lies_below(std::string_view point, std::string_view path) {
    return point == path ||
           (point.size() > path.size() && point.starts_with(path) && point[path.size()] == '/');
}

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

std::vector<std::string> mounts_below(const HostPath& path) {
    const std::string wanted = std::filesystem::weakly_canonical(path).string();
    std::vector<std::string> points;
#ifdef __linux__
    // proc files have no size; read_all takes them to their end.
    const std::string table =
        read_all(open_file("/proc/self/mountinfo", O_RDONLY), "/proc/self/mountinfo", 64u << 20);
    std::string_view rest = table;
    while (!rest.empty()) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        std::string_view field = line; // the fifth field is the mount point
        for (int skipped = 0; skipped < 4; ++skipped)
            field.remove_prefix(std::min(field.find(' ') + 1, field.size()));
        const std::string point = decode(field.substr(0, field.find(' ')));
        if (lies_below(point, wanted))
            points.push_back(point);
    }
#else
    struct statvfs* table = nullptr;
    const int count = ::getmntinfo(&table, ST_NOWAIT); // the memory is libc's
    if (count == 0)
        throw system_error(errno, path.string(), "getmntinfo");
    for (int i = 0; i < count; ++i)
        if (lies_below(table[i].f_mntonname, wanted))
            points.emplace_back(table[i].f_mntonname);
#endif
    return points;
}

} // namespace pkgjail::base
