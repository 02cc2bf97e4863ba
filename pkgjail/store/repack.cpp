#include "pkgjail/store/repack.hpp"

#include <cerrno>
#include <charconv>
#include <map>
#include <vector>

#include <unistd.h>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/format/package_members.hpp"
#include "pkgjail/format/plist.hpp"
#include "pkgjail/store/manifest_path.hpp"
#include "pkgjail/store/pkgdb.hpp"

namespace pkgjail::store {

using base::Error;
using base::ErrorKind;
using base::RootPath;
using base::Tree;

namespace {

constexpr std::size_t max_member = std::size_t{8} << 20;

/// Number → name, of "name:x:number:…" lines.
std::map<std::uint32_t, std::string> names_in(const std::string& text) {
    std::map<std::uint32_t, std::string> names;
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line(text.data() + at, end - at);
        at = end + 1;
        const std::size_t first = line.find(':');
        const std::size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
        if (second == line.npos)
            continue;
        std::uint32_t number = 0;
        const char* begin = line.data() + second + 1;
        if (std::from_chars(begin, line.data() + line.size(), number).ec == std::errc{})
            names.try_emplace(number, line.substr(0, first));
    }
    return names;
}

class Repack {
  public:
    Repack(const Tree& image, const std::string& pkgname, const std::string& prefix,
           format::TreeArchiveWriter& writer)
        : image_(image), pkgname_(pkgname), prefix_(prefix), writer_(writer),
          database_(RootPath::parse("/tree") / pkgdb_directory(pkgname).relative()),
          users_(names_in(image.read(RootPath::parse("/seed/config/etc/passwd")))),
          groups_(names_in(image.read(RootPath::parse("/seed/config/etc/group")))) {}

    void run() {
        for (const std::string_view name : format::package_members) {
            const RootPath path = database_.entry(name);
            // What the installation itself wrote there belongs to the jail and not to the package.
            if (name == "+REQUIRED_BY" || name == "+INSTALLED_INFO" || !image_.exists(path))
                continue;
            add(std::string(name), path);
        }
        const auto plist = format::Plist::parse(image_.read(database_.entry("+CONTENTS"), max_member));
        for (const format::PlistFile& file : plist.files)
            add(file.path, path_in_manifest(RootPath::parse(prefix_) / file.path, prefix_));
    }

  private:
    void add(const std::string& name, const RootPath& path) {
        const auto found = image_.stat(path);
        if (!found || !(found->is_file() || found->is_symlink()))
            throw Error(ErrorKind::corrupt, image_.show(path),
                        fmt::format("{} of {}, from which the package would be packed again",
                                    found ? "is no file" : "is missing, a file", pkgname_),
                        "pkgjail verify looks for more");
        format::TreeMember member;
        member.path = name;
        member.mode = found->is_symlink() ? 0777 : found->permissions();
        member.uid = found->status.st_uid;
        member.gid = found->status.st_gid;
        member.user = name_of(users_, member.uid);
        member.group = name_of(groups_, member.gid);
        member.modified = found->status.st_mtim;
        member.modified.tv_nsec = 0;
        if (found->is_symlink()) {
            member.type = format::TreeMemberType::symlink;
            member.link_target = found->link_target;
            writer_.begin(member);
            return;
        }
        member.size = static_cast<std::uint64_t>(found->status.st_size);
        writer_.begin(member);
        copy(path);
    }

    void copy(const RootPath& path) {
        const base::Fd file = image_.open_regular(path);
        std::vector<char> buffer(256u << 10);
        for (std::uint64_t offset = 0;;) {
            const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
            if (count < 0 && errno == EINTR)
                continue;
            if (count < 0)
                throw base::system_error(errno, image_.show(path), "read");
            if (count == 0)
                return;
            writer_.write(offset, std::string_view(buffer.data(), static_cast<std::size_t>(count)));
            offset += static_cast<std::uint64_t>(count);
        }
    }

    static std::string name_of(const std::map<std::uint32_t, std::string>& names, std::uint32_t number) {
        const auto found = names.find(number);
        return found == names.end() ? "" : found->second;
    }

    const Tree& image_;
    const std::string& pkgname_;
    const std::string& prefix_;
    format::TreeArchiveWriter& writer_;
    RootPath database_;
    std::map<std::uint32_t, std::string> users_, groups_;
};

} // namespace

format::WrittenArchive repack(const Tree& image, const std::string& pkgname, const std::string& prefix,
                              const base::Fd& output, const std::string& output_name) {
    format::TreeArchiveWriter writer(output, output_name, format::TarForm::layout);
    Repack(image, pkgname, prefix, writer).run();
    return writer.finish();
}

} // namespace pkgjail::store
