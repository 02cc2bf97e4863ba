#include "pkgjail/base/directory_mark.hpp"

#include <cerrno>
#include <cstdint>
#include <sstream>
#include <string>

#include <sys/stat.h>

#include <fmt/format.h>

#include "pkgjail/base/boot.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"

namespace pkgjail::base {

namespace {

constexpr const char* original = "original";
constexpr const char* copy = "copy";

struct stat look_at(const HostPath& directory) {
    struct stat status {};
    if (::stat(directory.c_str(), &status) != 0)
        throw system_error(errno, directory.string(), "stat");
    return status;
}

} // namespace

std::optional<DirectoryMark> directory_mark(const HostPath& directory) {
    const auto text = read_file_if_exists(directory / directory_mark_name, 4096);
    std::istringstream words(text.value_or(""));
    std::uintmax_t inode = 0;
    std::uintmax_t device = 0;
    std::string boot;
    std::string what;
    if (!(words >> inode >> device >> boot >> what))
        return std::nullopt;
    const struct stat here = look_at(directory);
    DirectoryMark mark;
    mark.is_old = boot != boot_id();
    mark.is_of_another = inode != here.st_ino || (!mark.is_old && device != here.st_dev);
    mark.was_copy = what == copy;
    return mark;
}

void mark_directory(const HostPath& directory, bool was_copy) {
    const struct stat here = look_at(directory);
    write_file_atomically(
        directory / directory_mark_name,
        fmt::format("{} {} {} {}\n", here.st_ino, here.st_dev, boot_id(), was_copy ? copy : original));
}

} // namespace pkgjail::base
