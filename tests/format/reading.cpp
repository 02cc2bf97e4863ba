#include "reading.hpp"

#include <filesystem>
#include <stdexcept>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "support/temp_dir.hpp"

namespace pkgjail::test {
namespace {

const char* kind_name(base::ErrorKind kind) {
    switch (kind) {
    case base::ErrorKind::corrupt:
        return "corrupt";
    case base::ErrorKind::trust:
        return "trust";
    default:
        return "other";
    }
}

const char* type_name(format::MemberType type) {
    switch (type) {
    case format::MemberType::file:
        return "file";
    case format::MemberType::symlink:
        return "symlink";
    case format::MemberType::hard_link:
        break;
    }
    return "hard link";
}

} // namespace

base::Fd file_of(std::string_view bytes) {
    static const TempDir dir;
    const base::HostPath path = dir / "package";
    base::Fd fd = base::open_file(path, O_RDWR | O_CREAT | O_EXCL);
    std::filesystem::remove(path);
    base::write_all(fd.get(), bytes, "package");
    if (::lseek(fd.get(), 0, SEEK_SET) != 0)
        throw std::runtime_error("lseek");
    return fd;
}

std::string read_package(std::string_view bytes, format::ArchiveLimits limits, std::size_t chunk) {
    const base::Fd fd = file_of(bytes);
    format::ArchiveReader reader(fd, "x.tgz", limits);

    const format::PackageMetadata& metadata = reader.metadata();
    std::string text = metadata.plist.pkgname + " \"" + metadata.comment + "\"";
    for (const auto& [name, content] : metadata.members)
        text += fmt::format(" {}:{}", name, content);
    text += "\n";
    std::string buffer(chunk, '\0');
    while (const auto member = reader.next()) {
        text += fmt::format("{} {} {:04o} {}:{} {}:{} {} {}.{:09}{}", type_name(member->type), member->path,
                            member->mode, member->user, member->group, member->uid, member->gid, member->size,
                            member->modified.tv_sec, member->modified.tv_nsec,
                            member->has_extended_attributes ? " with attributes" : "");
        if (!member->link_target.empty())
            text += " -> " + member->link_target;
        text += " ";
        for (std::size_t got = chunk; chunk != 0 && (got = reader.read(buffer.data(), chunk)) != 0;)
            text.append(buffer, 0, got);
        text += "\n";
    }
    return text;
}

std::string refusal_of(std::string_view bytes, format::ArchiveLimits limits, std::size_t chunk) {
    try {
        read_package(bytes, limits, chunk);
    } catch (const base::Error& error) {
        return std::string(kind_name(error.kind())) + ": " + error.what();
    }
    return "read";
}

} // namespace pkgjail::test
