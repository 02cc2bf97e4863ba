#include "pkgjail/base/extents.hpp"

#include <algorithm>
#include <cerrno>
#include <string>

#include <sys/stat.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"

namespace pkgjail::base {

namespace {

void add(std::vector<Extent>& extents, off_t begin, off_t end) {
    const auto offset = static_cast<std::uint64_t>(begin);
    const auto length = static_cast<std::uint64_t>(end - begin);
    if (!extents.empty() && extents.back().offset + extents.back().length == offset)
        extents.back().length += length;
    else
        extents.push_back({offset, length});
}

#ifndef SEEK_DATA
std::vector<Extent> found_by_reading(const Fd& file, off_t size, std::string_view shown) {
    std::vector<Extent> extents;
    std::vector<char> block(64u << 10);
    for (off_t at = 0; at < size;) {
        const ssize_t count = ::pread(file.get(), block.data(), block.size(), at);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            throw system_error(errno, std::string(shown), "read");
        if (count == 0)
            break;
        if (!std::all_of(block.begin(), block.begin() + count, [](char c) { return c == 0; }))
            add(extents, at, at + count);
        at += count;
    }
    return extents;
}
#endif

} // namespace

std::vector<Extent> data_extents(const Fd& file, std::string_view shown) {
    struct stat status {};
    if (::fstat(file.get(), &status) != 0)
        throw system_error(errno, std::string(shown), "fstat");
    const off_t size = status.st_size;
    std::vector<Extent> extents;
    if (size == 0)
        return extents;
    if (static_cast<off_t>(status.st_blocks) * 512 >= size) {
        add(extents, 0, size);
        return extents;
    }
#ifdef SEEK_DATA
    for (off_t begin = 0; begin < size;) {
        const off_t data = ::lseek(file.get(), begin, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            break; // only a hole is left
        const off_t hole = data < 0 ? -1 : ::lseek(file.get(), data, SEEK_HOLE);
        if (data < 0 || hole < 0)
            throw system_error(errno, std::string(shown), "find the holes of");
        if (data >= size)
            break; // it grew meanwhile
        add(extents, data, std::min(hole, size));
        begin = hole;
    }
    return extents;
#else
    return found_by_reading(file, size, shown);
#endif
}

} // namespace pkgjail::base
