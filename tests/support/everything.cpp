#include "support/everything.hpp"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <stdexcept>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fmt/format.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/tree.hpp"

namespace pkgjail::test {

namespace {

using base::HostPath;

void must(bool done, const HostPath& path, const char* what) {
    if (!done)
        throw std::runtime_error(fmt::format("{} {}: {}", what, path.string(), std::strerror(errno)));
}

void write(const HostPath& path, const std::string& text) {
    std::ofstream(path) << text;
}

std::string attributes_of(const HostPath& path) {
    char names[4096];
    const ssize_t size = ::llistxattr(path.c_str(), names, sizeof names);
    std::set<std::string> sorted;
    for (ssize_t at = 0; at < size; at += static_cast<ssize_t>(std::strlen(names + at)) + 1) {
        char value[4096];
        const ssize_t length = ::lgetxattr(path.c_str(), names + at, value, sizeof value);
        must(length >= 0, path, "getxattr");
        std::string text = fmt::format(" {}=", names + at);
        for (ssize_t i = 0; i < length; ++i)
            text += fmt::format("{:02x}", static_cast<unsigned char>(value[i]));
        sorted.insert(text);
    }
    std::string text;
    for (const std::string& attribute : sorted)
        text += attribute;
    return text;
}

/// "0-4096 1048576-1052672": what is no hole.
std::string extents(const HostPath& path, off_t size) {
    const base::Fd fd = base::open_file(path, O_RDONLY);
    std::string text;
    for (off_t at = 0; at < size;) {
        const off_t data = ::lseek(fd.get(), at, SEEK_DATA);
        if (data < 0)
            break;
        at = ::lseek(fd.get(), data, SEEK_HOLE);
        text += fmt::format(" {}-{}", data, at);
    }
    return text;
}

/// A version 2 access list as the kernel keeps it: u::rwx u:20001:rw g::r m::rw o::-, for example.
void give_access_list(const HostPath& path, const char* name) {
    struct Entry {
        std::uint16_t tag, permissions;
        std::uint32_t id;
    };
    constexpr std::uint32_t nobody = 0xffffffff;
    const struct {
        std::uint32_t version = 2;
        Entry entries[5] = {
            {0x01, 7, nobody}, {0x02, 6, 20001}, {0x04, 4, nobody}, {0x10, 6, nobody}, {0x20, 0, nobody}};
    } list;
    must(::setxattr(path.c_str(), name, &list, sizeof list, 0) == 0, path, name);
}

/// As `setcap cap_net_bind_service+ep` would.
void give_capability(const HostPath& path) {
    const struct {
        std::uint32_t magic = 0x02000001;
        std::uint32_t data[4] = {1u << 10, 0, 0, 0};
    } value;
    must(::setxattr(path.c_str(), "security.capability", &value, sizeof value, 0) == 0, path, "capability");
}

} // namespace

std::string everything(const HostPath& top) {
    std::string text;
    std::map<std::pair<dev_t, ino_t>, std::string> first;
    const auto describe = [&](const HostPath& path, const std::string& name) {
        struct stat s {};
        must(::lstat(path.c_str(), &s) == 0, path, "lstat");
        text += fmt::format("{} {:o} {}:{} {}.{:09}{}", name, s.st_mode, s.st_uid, s.st_gid, s.st_mtim.tv_sec,
                            s.st_mtim.tv_nsec, attributes_of(path));
        if (S_ISREG(s.st_mode)) {
            text += fmt::format(" {} at{} {}", s.st_size, extents(path, s.st_size),
                                base::sha256(base::read_file(path)));
            if (s.st_nlink > 1)
                text += " same as " + first.try_emplace(std::pair(s.st_dev, s.st_ino), name).first->second;
        } else if (S_ISLNK(s.st_mode)) {
            text += " -> " + std::filesystem::read_symlink(path).string();
        }
        text += "\n";
    };
    describe(top, ".");
    base::Tree::open(top).walk([&](const base::Entry& entry) {
        describe(top / std::string(entry.path.relative()), entry.path.str());
        return true;
    });
    return text;
}

void fill_with_everything(const HostPath& top, bool attributes) {
    std::filesystem::create_directories(top / "var/db/svc");
    const HostPath a = top / "var/db/svc/a";
    write(a, "first");
    std::filesystem::create_hard_link(a, top / "var/db/svc/b");
    std::filesystem::create_symlink("/somewhere/else", top / "var/link");
    const HostPath holes = top / "var/holes";
    write(holes, "x");
    std::filesystem::resize_file(holes, 8u << 20);
    {
        const base::Fd fd = base::open_file(holes, O_WRONLY);
        must(::pwrite(fd.get(), "in the middle", 13, 4 << 20) == 13, holes, "write");
    }
    const HostPath odd = top / "var/odd\nname\xff";
    write(odd, "odd");
    const HostPath program = top / "var/db/svc/program";
    write(program, "no program");
    must(::mkfifo((top / "var/fifo").c_str(), 0620) == 0, top, "mkfifo");
    must(::chown(a.c_str(), 20001, 20002) == 0, a, "chown");
    must(::chmod(a.c_str(), 04750) == 0, a, "chmod");
    must(::lchown((top / "var/link").c_str(), 20003, 20004) == 0, top, "lchown");
    must(::chown((top / "var/db/svc").c_str(), 20001, 20002) == 0, top, "chown");
    must(::chmod((top / "var/db/svc").c_str(), 02700) == 0, top, "chmod");
    if (attributes) {
        must(::setxattr(odd.c_str(), "user.note", "kept", 4, 0) == 0, odd, "setxattr");
        must(::setxattr((top / "var/db").c_str(), "user.note", "of a directory", 14, 0) == 0, top,
             "setxattr");
        give_access_list(odd, "system.posix_acl_access");
        give_access_list(top / "var/db/svc", "system.posix_acl_access");
        give_access_list(top / "var/db/svc", "system.posix_acl_default");
        give_capability(program);
    }
    const struct timespec times[2] = {{1000, 1}, {2000, 123456789}};
    for (const HostPath& path : {a, top / "var/db", top / "var/link", top / "var/fifo", holes})
        must(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0, path, "utimensat");
}

} // namespace pkgjail::test
