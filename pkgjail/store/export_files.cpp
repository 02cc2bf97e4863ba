#include "pkgjail/store/export_files.hpp"

#include <algorithm>
#include <cerrno>
#include <set>

#include <unistd.h>

#include "pkgjail/base/attributes.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/extents.hpp"
#include "pkgjail/store/owner.hpp"

namespace pkgjail::store {

using base::Entry;
using base::Error;
using base::ErrorKind;
using base::Extent;
using base::Fd;
using base::RootPath;
using base::Tree;
using format::TreeMember;
using format::TreeMemberType;

namespace {

[[noreturn]] void refuse_device(const Tree& tree, const Entry& entry) {
    throw Error(ErrorKind::corrupt, tree.show(entry.path), "is a device, which is not exported",
                "remove it; nothing in a jail can use it");
}

std::string name_of(const std::map<std::uint32_t, std::string>& names, std::uint32_t number) {
    const auto found = names.find(number);
    return found == names.end() ? std::string() : found->second;
}

} // namespace

ExportSize& ExportSize::operator+=(const ExportSize& other) {
    members += other.members;
    bytes += other.bytes;
    return *this;
}

ExportSize export_size(const Tree& tree, Holes holes) {
    ExportSize size;
    size.members = 1;
    std::set<std::pair<dev_t, ino_t>> counted;
    tree.walk([&](const Entry& entry) {
        const struct stat& status = entry.status;
        if (S_ISBLK(status.st_mode) || S_ISCHR(status.st_mode))
            refuse_device(tree, entry);
        ++size.members;
        if (!entry.is_file() ||
            (status.st_nlink > 1 && !counted.emplace(status.st_dev, status.st_ino).second))
            return true;
        if (holes == Holes::fill || static_cast<off_t>(status.st_blocks) * 512 >= status.st_size) {
            size.bytes += static_cast<std::uint64_t>(status.st_size);
            return true;
        }
        for (const Extent& extent : base::data_extents(tree.open_regular(entry.path), tree.show(entry.path)))
            size.bytes += extent.length;
        return true;
    });
    return size;
}

void write_content(format::TreeArchiveWriter& writer, const Fd& file, const TreeMember& member,
                   std::string_view shown, const std::function<void(std::uint64_t, std::string_view)>& seen) {
    std::vector<char> buffer(256u << 10);
    for (const Extent& extent : member.extents) {
        for (std::uint64_t done = 0; done < extent.length;) {
            const std::uint64_t at = extent.offset + done;
            const auto wanted =
                static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), extent.length - done));
            const ssize_t count = ::pread(file.get(), buffer.data(), wanted, static_cast<off_t>(at));
            if (count < 0 && errno == EINTR)
                continue;
            if (count < 0)
                throw base::system_error(errno, std::string(shown), "read");
            if (count == 0)
                throw Error(ErrorKind::busy, std::string(shown), "became shorter while it was read");
            const std::string_view piece(buffer.data(), static_cast<std::size_t>(count));
            writer.write(at, piece);
            seen(at, piece);
            done += piece.size();
        }
    }
}

TreeExporter::TreeExporter(format::TreeArchiveWriter& writer, OwnerNames names,
                           std::function<void(std::uint64_t)> advance)
    : writer_(writer), names_(std::move(names)), advance_(std::move(advance)) {}

void TreeExporter::add_text(const std::string& path, std::string_view text, std::int64_t time) {
    TreeMember member;
    member.path = path;
    member.mode = 0644;
    member.size = text.size();
    member.modified.tv_sec = static_cast<time_t>(time);
    writer_.begin(member);
    writer_.write(0, text);
    format::ContentDigest digest;
    digest.update(0, text);
    digests_ += format::digest_line(member, digest.finish());
}

void TreeExporter::add_tree(const Tree& tree, const std::string& path, Holes holes) {
    holes_ = holes;
    linked_.clear();
    add(tree, *tree.stat(RootPath()), path);
    tree.walk([&](const Entry& entry) {
        add(tree, entry, path + entry.path.str());
        return true;
    });
}

void TreeExporter::add(const Tree& tree, const Entry& entry, const std::string& path) {
    const struct stat& status = entry.status;
    TreeMember member;
    member.path = path;
    member.mode = entry.permissions();
    member.uid = status.st_uid;
    member.gid = status.st_gid;
    member.user = name_of(names_.users, member.uid);
    member.group = name_of(names_.groups, member.gid);
    member.modified = status.st_mtim;
    std::string content;
    if (entry.is_directory()) {
        member.type = TreeMemberType::directory;
        member.attributes = base::read_attributes(tree.open_tree(entry.path).fd(), tree.show(entry.path));
        writer_.begin(member);
    } else if (entry.is_symlink()) {
        member.type = TreeMemberType::symlink;
        member.mode = 0777;
        member.link_target = entry.link_target;
        writer_.begin(member);
    } else if (S_ISFIFO(status.st_mode)) {
        member.type = TreeMemberType::fifo;
        writer_.begin(member);
    } else if (S_ISSOCK(status.st_mode)) {
        left_out_.push_back(path);
        return;
    } else if (!entry.is_file()) {
        refuse_device(tree, entry);
    } else if (const auto [first, is_new] = status.st_nlink > 1
                                                ? linked_.try_emplace({status.st_dev, status.st_ino}, path)
                                                : std::pair(linked_.end(), true);
               !is_new) {
        member.type = TreeMemberType::hard_link;
        member.link_target = first->second;
        writer_.begin(member);
    } else {
        const Fd file = tree.open_regular(entry.path);
        content = add_content(file, member, tree.show(entry.path));
    }
    digests_ += format::digest_line(member, content);
    if (written)
        written(member, entry.path, content);
}

std::string TreeExporter::add_content(const Fd& file, TreeMember& member, const std::string& shown) {
    struct stat status {};
    if (::fstat(file.get(), &status) != 0)
        throw base::system_error(errno, shown, "fstat");
    member.size = static_cast<std::uint64_t>(status.st_size);
    member.attributes = base::read_attributes(file, shown);
    const std::vector<Extent> whole = {{0, member.size}};
    member.extents = holes_ == Holes::keep ? base::data_extents(file, shown) : whole;
    member.sparse = member.size > 0 && member.extents != whole;
    writer_.begin(member);
    format::ContentDigest digest;
    write_content(writer_, file, member, shown, [&](std::uint64_t offset, std::string_view piece) {
        digest.update(offset, piece);
        advance_(piece.size());
    });
    return digest.finish();
}

} // namespace pkgjail::store
