#include "pkgjail/store/unpack.hpp"

#include <array>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/core.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/directory.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/store/content_digests.hpp"
#include "pkgjail/store/owner.hpp"
#include "pkgjail/store/pkgdb.hpp"

namespace pkgjail::store {

using base::Error;
using base::ErrorKind;
using base::RootPath;
using base::Tree;

namespace {

constexpr unsigned setid_bits = S_ISUID | S_ISGID;

/// The size of an archive from which its contents' digests take longer than a thread costs.
constexpr off_t worth_a_thread = 256 << 10;

/// Number of an owner's name in the image, nullopt when neither the platform nor a package of this image
/// declares it: the number in the archive is the builder's machine's and means nothing here.
std::optional<std::uint32_t> owner_number(const std::string& name, std::uint64_t stored, bool is_group,
                                          const AccountNumbers& numbers) {
    if (const auto number = platform_account_number(is_group, name))
        return number;
    const auto& table = is_group ? numbers.groups : numbers.users;
    if (const auto found = table.find(name); found != table.end())
        return found->second;
    if (name.empty() && stored == 0)
        return 0;
    return std::nullopt;
}

class Unpacker {
  public:
    Unpacker(const BuildPackage& package, const BuildRequest& request, const Tree& files,
             const std::function<void(std::uint64_t)>& advance)
        : package_(package), request_(request), files_(files), advance_(advance) {}

    Unpacked run() {
        base::Fd fd = base::Fd(::fcntl(package_.archive, F_DUPFD_CLOEXEC, 3));
        if (!fd)
            throw base::system_error(errno, package_.archive_name, "dup");
        if (::lseek(fd.get(), 0, SEEK_SET) != 0)
            throw base::system_error(errno, package_.archive_name, "lseek");
        base::Digest whole(base::DigestAlgorithm::sha256);
        format::ArchiveReader archive(fd, package_.archive_name, package_.limits, &whole);
        result_.metadata = archive.metadata();
        check_identity();
        check_places();
        archive.leave_content_to_caller();
        struct stat status {};
        contents_.emplace(package_.archive_name,
                          ::fstat(fd.get(), &status) != 0 || status.st_size >= worth_a_thread);
        try {
            while (const auto member = archive.next())
                put(archive, *member);
        } catch (...) {
            contents_->finish(); // what was wrong with an earlier file comes first
            throw;
        }
        result_.digests = contents_->finish();
        for (const auto& [name, earlier] : second_names_)
            if (const auto file = result_.digests.find(earlier); file != result_.digests.end())
                result_.digests[name] = file->second;
        archive.read_rest();
        if (whole.finish() != package_.sha256)
            throw Error(ErrorKind::trust, package_.archive_name, "the archive changed while it was unpacked");
        for (const std::string& name : unknown_owners_)
            result_.warnings.push_back(
                fmt::format("{}: files of unknown owner {} belong to root now", package_.pkgname, name));
        if (dropped_attributes_ > 0)
            result_.warnings.push_back(fmt::format("{}: extended attributes of {} files were dropped",
                                                   package_.pkgname, dropped_attributes_));
        return std::move(result_);
    }

  private:
    void check_identity() const {
        const format::Plist& plist = result_.metadata.plist;
        if (plist.pkgname != package_.pkgname)
            throw Error(
                ErrorKind::corrupt, package_.archive_name,
                fmt::format("says that it is {}, but {} was expected", plist.pkgname, package_.pkgname));
        if (plist.prefix != request_.prefix)
            throw Error(
                ErrorKind::corrupt, package_.pkgname,
                fmt::format("was built for the prefix {}, this image has {}", plist.prefix, request_.prefix),
                "set `prefix` in pkgjail.conf to the prefix of the repository's packages");
    }

    /// What is pkgjail's own below the prefix: the package database, and the mount point of the prefix's etc.
    void check_places() const {
        const auto check = [&](const std::string& text, bool is_directory) {
            const RootPath path = RootPath::parse(text);
            if (path.is_within(pkgdb_path()) || path.is_within(pkgdb_refcount_path()))
                throw Error(ErrorKind::corrupt, package_.pkgname,
                            fmt::format("{}: lies in the package database", text));
            if (path == RootPath::parse("/etc") && !is_directory)
                throw Error(ErrorKind::corrupt, package_.pkgname,
                            fmt::format("{}: is the directory of the prefix's configuration", text));
        };
        for (const format::PlistFile& file : result_.metadata.plist.files)
            check(file.path, false);
        for (const format::PlistDirectory& directory : result_.metadata.plist.directories)
            check(directory.path, true);
    }

    void put(format::ArchiveReader& archive, const format::ArchiveMember& member) {
        const RootPath path = RootPath::parse(member.path);
        make_parents(path);
        switch (member.type) {
        case format::MemberType::file:
            put_file(archive, member, path);
            break;
        case format::MemberType::symlink:
            files_.make_symlink(member.link_target, path);
            files_.set_modification_time(path, member.modified);
            break;
        case format::MemberType::hard_link:
            files_.make_hard_link(files_, RootPath::parse(member.link_target), path);
            second_names_.emplace_back(path.str(), RootPath::parse(member.link_target).str());
            break;
        }
        if (member.has_extended_attributes)
            ++dropped_attributes_;
    }

    void make_parents(const RootPath& path) {
        const RootPath parent = path.parent();
        if (made_.insert(parent.str()).second)
            files_.make_directories(parent, 0755);
    }

    /// Files of one directory mostly stand together.
    base::Directory& directory_of(const RootPath& path) {
        if (!here_ || here_->path() != path.parent())
            here_.emplace(files_, path.parent());
        return *here_;
    }

    void put_file(format::ArchiveReader& archive, const format::ArchiveMember& member, const RootPath& path) {
        base::Directory& directory = directory_of(path);
        const base::Fd file = directory.create_file(path.name());
        contents_->begin(path, archive.promised_md5());
        for (;;) {
            const ContentDigests::Room room = contents_->room();
            const std::size_t count = archive.read(room.bytes, room.size);
            if (count == 0)
                break;
            base::write_all(file.get(), std::string_view(room.bytes, count), files_.show(path));
            contents_->add(count);
            if (advance_)
                advance_(count);
        }
        contents_->end();
        const auto uid = owner_number(member.user, member.uid, false, request_.accounts);
        const auto gid = owner_number(member.group, member.gid, true, request_.accounts);
        if (!uid)
            unknown_owners_.insert(member.user.empty() ? fmt::format("uid {}", member.uid) : member.user);
        if (!gid)
            unknown_owners_.insert(member.group.empty() ? fmt::format("gid {}", member.gid) : member.group);
        const base::Owner owner = permitted_owner({uid.value_or(0), gid.value_or(0)});
        // Owner first: a change of owner clears set-id bits.
        if (directory.owner_of_new() != owner && ::fchown(file.get(), owner.uid, owner.gid) != 0)
            throw base::system_error(errno, files_.show(path), "chown");
        const unsigned mode = permitted_mode(member, uid && gid);
        if (::fchmod(file.get(), static_cast<mode_t>(mode)) != 0)
            throw base::system_error(errno, files_.show(path), "chmod");
        const std::array<struct timespec, 2> times = {member.modified, member.modified};
        if (::futimens(file.get(), times.data()) != 0)
            throw base::system_error(errno, files_.show(path), "utimens");
    }

    /// The mode without what the policy does not allow. What was set-id for somebody that this image does not
    /// know must not become set-id for root.
    unsigned permitted_mode(const format::ArchiveMember& member, bool owner_known) {
        const unsigned mode = member.mode & 0777u;
        if ((member.mode & setid_bits) == 0)
            return mode;
        const auto policy = owner_known || request_.setid == jail::SetidPolicy::refuse
                                ? request_.setid
                                : jail::SetidPolicy::strip;
        const SetidFile file{request_.prefix + "/" + member.path, member.mode, package_.pkgname};
        return keeps_setid(policy, file, result_.setid) ? mode | (member.mode & setid_bits) : mode;
    }

    const BuildPackage& package_;
    const BuildRequest& request_;
    const Tree& files_;
    const std::function<void(std::uint64_t)>& advance_;
    Unpacked result_;
    std::set<std::string> made_;
    std::optional<base::Directory> here_;
    std::set<std::string> unknown_owners_;
    std::size_t dropped_attributes_ = 0;
    std::optional<ContentDigests> contents_;
    std::vector<std::pair<std::string, std::string>> second_names_; ///< of a file, and an earlier one of it
};

} // namespace

Unpacked unpack(const BuildPackage& package, const BuildRequest& request, const Tree& files,
                const std::function<void(std::uint64_t)>& advance) {
    Unpacked unpacked = base::while_doing("unpack " + package.pkgname,
                                          [&] { return Unpacker(package, request, files, advance).run(); });
    if (const std::string* script = unpacked.metadata.member("+INSTALL")) {
        unpacked.declared = base::while_doing("read +INSTALL of " + package.pkgname,
                                              [&] { return format::InstallDeclarations::parse(*script); });
        if (!request.run_known_scripts)
            unpacked.frame = format::InstallFrame::recognise(*script);
    }
    return unpacked;
}

} // namespace pkgjail::store
