#include "pkgjail/store/import_files.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/core.h>

#include "pkgjail/base/attributes.hpp"
#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/retry.hpp"
#include "pkgjail/store/owner.hpp"

namespace pkgjail::store {

using base::Error;
using base::ErrorKind;
using base::Fd;
using base::RootPath;
using base::Tree;
using format::TreeMember;
using format::TreeMemberType;

namespace {

constexpr unsigned setid_bits = S_ISUID | S_ISGID;
constexpr std::string_view capability = "security.capability";

// What a member costs in the archive besides its data: headers, long names, padding.
constexpr std::uint64_t member_overhead = 24u << 10;
constexpr std::uint64_t max_members = 20'000'000;
constexpr std::uint64_t max_text_bytes = 4ull << 30; ///< of the digests, which come from the member count

/// Writes one part, in the order of its members.
class PartWriter {
  public:
    PartWriter(ImportPart& part, const std::string& archive, jail::SetidPolicy policy, SetidList& setid,
               const std::function<void(std::uint64_t)>& advance)
        : part_(part), archive_(archive), policy_(policy), setid_(setid), advance_(advance) {}

    /// Returns the digest of a file's data.
    std::string put(format::TreeArchiveReader& reader, const TreeMember& member) {
        const RootPath path = place(member);
        check_attributes(member);
        const unsigned mode = permitted_mode(member);
        std::string sha256;
        switch (member.type) {
        case TreeMemberType::directory:
            directories_.push_back({path, member});
            if (part_.target && !path.is_root())
                part_.target->make_directory(path, 0700);
            break;
        case TreeMemberType::file:
            sha256 = put_file(reader, member, path, mode);
            break;
        case TreeMemberType::symlink:
            if (part_.target)
                part_.target->make_symlink(member.link_target, path);
            break;
        case TreeMemberType::hard_link:
            put_hard_link(member, path);
            break;
        case TreeMemberType::fifo:
            if (part_.image)
                fail(member, "a FIFO, which no image may hold");
            put_fifo(path);
            break;
        }
        if (part_.target && (member.type == TreeMemberType::symlink || member.type == TreeMemberType::fifo))
            finish_special(member, path, mode);
        if (part_.check)
            part_.check(member, path, sha256);
        return sha256;
    }

    /// Directories last, the deepest first: what is made in a directory changes its times, and a mode without
    /// write permission would keep us out.
    void finish() {
        if (part_.target)
            for (auto directory = directories_.rbegin(); directory != directories_.rend(); ++directory) {
                const Tree tree = part_.target->open_tree(directory->path);
                finish_node(tree.fd(), directory->member, directory->member.mode, tree.name());
            }
        directories_.clear();
    }

  private:
    struct Directory {
        RootPath path;
        TreeMember member;
    };
    struct Level {
        RootPath path;
        std::string last; ///< name that came last in it
    };

    [[noreturn]] void fail(const TreeMember& member, std::string_view cause) const {
        throw Error(ErrorKind::corrupt, archive_, fmt::format("member {}: {}", member.path, cause));
    }

    /// Where the member goes: into a directory that has come and was not left again, behind what has come
    /// into it. So nothing comes twice, and nothing goes through a link.
    RootPath place(const TreeMember& member) {
        if (member.path == part_.name) {
            if (member.type != TreeMemberType::directory || !levels_.empty())
                fail(member, "must be a directory, and there once");
            levels_.push_back({RootPath(), {}});
            return {};
        }
        RootPath path;
        const std::string_view below = std::string_view(member.path).substr(part_.name.size() + 1);
        for (std::size_t begin = 0; begin <= below.size();) {
            const std::size_t end = std::min(below.find('/', begin), below.size());
            path = path.entry(below.substr(begin, end - begin));
            begin = end + 1;
        }
        const RootPath parent = path.parent();
        while (!levels_.empty() && levels_.back().path != parent)
            levels_.pop_back();
        if (levels_.empty())
            fail(member, "its directory did not come before it");
        Level& level = levels_.back();
        const std::string name = path.name();
        if (!level.last.empty() && name <= level.last)
            fail(member, "is there twice, or out of order");
        level.last = name;
        if (member.type == TreeMemberType::directory)
            levels_.push_back({path, {}});
        return path;
    }

    void check_attributes(const TreeMember& member) const {
        for (const auto& [name, value] : member.attributes) {
            const bool known = name.starts_with("user.") || name.starts_with("trusted.") ||
                               name.starts_with("system.posix_acl_") || name == capability;
            if (!known || name.starts_with("trusted.overlay."))
                fail(member, "has the extended attribute " + name + ", which no export holds");
        }
    }

    std::string inside(const TreeMember& member) const {
        return part_.image ? member.path : member.path.substr(part_.name.size());
    }

    unsigned permitted_mode(const TreeMember& member) {
        const bool has_capabilities = member.attributes.contains(std::string(capability));
        if (member.type != TreeMemberType::file || ((member.mode & setid_bits) == 0 && !has_capabilities))
            return member.mode;
        if (part_.image && policy_ != jail::SetidPolicy::keep)
            throw Error(ErrorKind::corrupt, archive_,
                        fmt::format("member {}: is a file {} (mode {:04o}), which images may not hold here",
                                    member.path, has_capabilities ? "with capabilities" : "set-id",
                                    member.mode),
                        "set `setid = keep` in pkgjail.conf if you want it");
        keeps_capabilities_ =
            keeps_setid(policy_, {inside(member), member.mode, "the archive", has_capabilities}, setid_);
        return keeps_capabilities_ ? member.mode : member.mode & ~setid_bits;
    }

    std::string put_file(format::TreeArchiveReader& reader, const TreeMember& member, const RootPath& path,
                         unsigned mode) {
        format::ContentDigest digest;
        Fd file;
        std::string shown = member.path;
        if (part_.target) {
            file = part_.target->create_file(path, 0600);
            shown = part_.target->show(path);
        }
        std::uint64_t position = 0;
        while (const auto piece = reader.read()) {
            digest.update(piece->offset, piece->bytes);
            advance_(piece->bytes.size());
            if (!file)
                continue;
            if (piece->offset != position &&
                ::lseek(file.get(), static_cast<off_t>(piece->offset), SEEK_SET) < 0)
                throw base::system_error(errno, shown, "lseek");
            base::write_all(file.get(), piece->bytes, shown);
            position = piece->offset + piece->bytes.size();
        }
        if (file) {
            // The hole at the end.
            if (position < member.size &&
                base::retrying([&] { return ::ftruncate(file.get(), static_cast<off_t>(member.size)); }) != 0)
                throw base::system_error(errno, shown, "set the size of");
            finish_node(file, member, mode, shown);
        }
        return digest.finish();
    }

    void put_hard_link(const TreeMember& member, const RootPath& path) {
        if (!member.link_target.starts_with(part_.name + "/"))
            fail(member, fmt::format("a hard link to {}, which lies elsewhere", member.link_target));
        if (!part_.target)
            return;
        RootPath target;
        const std::string_view below = std::string_view(member.link_target).substr(part_.name.size() + 1);
        for (std::size_t begin = 0; begin <= below.size();) {
            const std::size_t end = std::min(below.find('/', begin), below.size());
            target = target.entry(below.substr(begin, end - begin));
            begin = end + 1;
        }
        const auto there = part_.target->stat(target);
        if (!there || !there->is_file())
            fail(member, fmt::format("a hard link to {}, which is no earlier file", member.link_target));
        part_.target->make_hard_link(*part_.target, target, path);
    }

    void put_fifo(const RootPath& path) {
        if (!part_.target)
            return;
        const Tree parent = part_.target->open_tree(path.parent());
        if (::mkfifoat(parent.fd().get(), path.name().c_str(), 0600) != 0)
            throw base::system_error(errno, part_.target->show(path), "mkfifo");
    }

    /// Links and FIFOs, which cannot be opened.
    void finish_special(const TreeMember& member, const RootPath& path, unsigned mode) {
        part_.target->set_owner(path, permitted_owner({member.uid, member.gid}));
        if (member.type == TreeMemberType::fifo) {
            const Tree parent = part_.target->open_tree(path.parent());
            if (::fchmodat(parent.fd().get(), path.name().c_str(), static_cast<mode_t>(mode),
                           AT_SYMLINK_NOFOLLOW) != 0)
                throw base::system_error(errno, part_.target->show(path), "chmod");
        }
        part_.target->set_modification_time(path, member.modified);
    }

    /// Owner, then mode and attributes (a change of owner clears set-id bits and capabilities), then times.
    void finish_node(const Fd& fd, const TreeMember& member, unsigned mode, const std::string& shown) {
        const base::Owner owner = permitted_owner({member.uid, member.gid});
        if (::fchown(fd.get(), owner.uid, owner.gid) != 0)
            throw base::system_error(errno, shown, "chown");
        if (::fchmod(fd.get(), static_cast<mode_t>(mode)) != 0)
            throw base::system_error(errno, shown, "chmod");
        for (const auto& [name, value] : member.attributes)
            if (name != capability || keeps_capabilities_ || part_.image)
                base::write_attribute(fd, name, value, shown);
        const struct timespec times[2] = {{0, UTIME_OMIT}, member.modified};
        if (::futimens(fd.get(), times) != 0)
            throw base::system_error(errno, shown, "futimens");
    }

    ImportPart& part_;
    const std::string& archive_;
    const jail::SetidPolicy policy_;
    SetidList& setid_;
    const std::function<void(std::uint64_t)>& advance_;
    std::vector<Level> levels_;
    std::vector<Directory> directories_;
    bool keeps_capabilities_ = false;
};

} // namespace

std::string digests_text(const std::string& lines, std::uint64_t members) {
    return lines + fmt::format("total {} {}\n", members, base::sha256(lines));
}

ImportReader::ImportReader(format::ByteSource& input, std::string name)
    : name_(std::move(name)), reader_(input, name_, {}) {}

std::string ImportReader::text(const std::string& path, std::size_t max_bytes) {
    const auto member = reader_.next();
    if (!member || member->path != path || member->type != TreeMemberType::file)
        throw Error(ErrorKind::corrupt, name_,
                    fmt::format("is no export of a jail: its member {} is {}, which must be the file {}",
                                members_ + 1, member ? member->path : "missing", path),
                    "pkgjail export makes such archives");
    if (member->size > max_bytes)
        throw Error(
            ErrorKind::corrupt, name_,
            fmt::format("member {}: {} bytes; at most {} are allowed", path, member->size, max_bytes));
    std::string text;
    format::ContentDigest digest;
    while (const auto piece = reader_.read()) {
        text.resize(static_cast<std::size_t>(piece->offset)); // a hole is zeroes
        text += piece->bytes;
        digest.update(piece->offset, piece->bytes);
    }
    text.resize(static_cast<std::size_t>(member->size));
    lines_ += format::digest_line(*member, digest.finish());
    ++members_;
    return text;
}

void ImportReader::expect(std::uint64_t members, std::uint64_t bytes) {
    if (members > max_members)
        throw Error(ErrorKind::corrupt, name_,
                    fmt::format("says that it has {} members; at most {} are allowed", members, max_members));
    format::TreeArchiveLimits limits;
    limits.max_members = members + 2; // the digests, and one that is too much and can be named
    const std::uint64_t digests = std::min(max_text_bytes, members * 9000); // a line has two names at most
    limits.max_data_bytes = bytes + digests;
    limits.max_unpacked_bytes = bytes + digests + members * member_overhead + (64u << 20);
    limits.max_attribute_bytes = (64u << 20) + members * 1024;
    reader_.set_limits(limits);
}

void ImportReader::trees(std::vector<ImportPart>& parts, jail::SetidPolicy policy, SetidList& setid,
                         const std::function<void(std::uint64_t)>& advance) {
    std::size_t begun = 0;
    std::optional<PartWriter> writer;
    for (auto member = reader_.next(); member; member = reader_.next()) {
        if (member->path == digests_name && begun == parts.size()) {
            if (writer)
                writer->finish();
            check_digests(*member);
            if (const auto more = reader_.next())
                throw Error(
                    ErrorKind::corrupt, name_,
                    fmt::format("member {}: stands behind the digests, which must be the last", more->path));
            return;
        }
        if (begun < parts.size() && member->path == parts[begun].name) {
            if (writer)
                writer->finish();
            writer.emplace(parts[begun++], name_, policy, setid, advance);
        } else if (begun == 0 || !member->path.starts_with(parts[begun - 1].name + "/")) {
            throw Error(ErrorKind::corrupt, name_,
                        fmt::format("member {}: does not belong here; {} was expected", member->path,
                                    begun < parts.size() ? parts[begun].name : digests_name));
        }
        const std::string sha256 = writer->put(reader_, *member);
        lines_ += format::digest_line(*member, sha256);
        ++members_;
    }
    throw Error(ErrorKind::corrupt, name_, "ends too early: the digests at its end are missing");
}

void ImportReader::check_digests(const TreeMember& member) {
    const std::string expected = digests_text(lines_, members_);
    if (member.type != TreeMemberType::file || member.size > expected.size() + (1u << 20))
        throw Error(ErrorKind::trust, name_, "the digests at its end are not those of its members");
    std::string found;
    while (const auto piece = reader_.read()) {
        found.resize(static_cast<std::size_t>(piece->offset));
        found += piece->bytes;
    }
    found.resize(static_cast<std::size_t>(member.size));
    if (found == expected)
        return;
    // The first line that differs names the member.
    std::size_t line = 0;
    for (std::size_t at = 0; at < std::min(found.size(), expected.size()) && found[at] == expected[at]; ++at)
        if (expected[at] == '\n')
            line = at + 1;
    throw Error(ErrorKind::trust, name_,
                fmt::format("damaged: what was read is \"{}\", and its digests say \"{}\"",
                            expected.substr(line, expected.find('\n', line) - line),
                            found.substr(line, found.find('\n', line) - line)),
                "fetch or make it again");
}

} // namespace pkgjail::store
