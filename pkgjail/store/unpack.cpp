#include "pkgjail/store/unpack.hpp"

#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/core.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/store/member_batches.hpp"
#include "pkgjail/store/member_writer.hpp"
#include "pkgjail/store/pkgdb.hpp"

namespace pkgjail::store {

using base::Error;
using base::ErrorKind;
using base::RootPath;
using base::Tree;

namespace {

/// The size of an archive from which writing its contents takes longer than a thread costs.
constexpr off_t worth_a_thread = 256 << 10;

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
        MemberWriter writer(package_, request_, files_);
        MemberBatches batches(writer, ::fstat(fd.get(), &status) != 0 || status.st_size >= worth_a_thread);
        try {
            while (const auto member = archive.next())
                pass_on(archive, *member, batches, advance_);
        } catch (...) {
            batches.finish(); // what was wrong with an earlier one comes first
            throw;
        }
        batches.finish();
        result_.digests = writer.take_digests();
        result_.setid = std::move(writer.setid());
        archive.read_rest();
        if (whole.finish() != package_.sha256)
            throw Error(ErrorKind::trust, package_.archive_name, "the archive changed while it was unpacked");
        for (const std::string& name : writer.unknown_owners())
            result_.warnings.push_back(
                fmt::format("{}: files of unknown owner {} belong to root now", package_.pkgname, name));
        if (writer.dropped_attributes() > 0)
            result_.warnings.push_back(fmt::format("{}: extended attributes of {} files were dropped",
                                                   package_.pkgname, writer.dropped_attributes()));
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

    static void pass_on(format::ArchiveReader& archive, const format::ArchiveMember& member,
                        MemberBatches& batches, const std::function<void(std::uint64_t)>& advance) {
        batches.begin(member, archive.promised_md5());
        while (member.type == format::MemberType::file) {
            const MemberBatches::Room room = batches.room();
            const std::size_t count = archive.read(room.bytes, room.size);
            if (count == 0)
                break;
            batches.add(count);
            if (advance)
                advance(count);
        }
        batches.end();
    }

    const BuildPackage& package_;
    const BuildRequest& request_;
    const Tree& files_;
    const std::function<void(std::uint64_t)>& advance_;
    Unpacked result_;
};

} // namespace

void read_script(const std::string& pkgname, bool run_known_scripts, Unpacked& unpacked) {
    const std::string* script = unpacked.metadata.member("+INSTALL");
    if (script == nullptr)
        return;
    unpacked.declared = base::while_doing("read +INSTALL of " + pkgname,
                                          [&] { return format::InstallDeclarations::parse(*script); });
    if (!run_known_scripts)
        unpacked.frame = format::InstallFrame::recognise(*script);
}

Unpacked unpack(const BuildPackage& package, const BuildRequest& request, const Tree& files,
                const std::function<void(std::uint64_t)>& advance) {
    Unpacked unpacked = base::while_doing("unpack " + package.pkgname,
                                          [&] { return Unpacker(package, request, files, advance).run(); });
    read_script(package.pkgname, request.run_known_scripts, unpacked);
    return unpacked;
}

} // namespace pkgjail::store
