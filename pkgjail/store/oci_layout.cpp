#include "pkgjail/store/oci_layout.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pkgjail/base/attributes.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/look.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/base/umask.hpp"
#include "pkgjail/store/export_files.hpp"
#include "pkgjail/store/output_file.hpp"

namespace pkgjail::store {

using base::Entry;
using base::Error;
using base::ErrorKind;
using base::HostPath;
using base::RootPath;
using base::Tree;
using format::TreeMember;
using format::TreeMemberType;

namespace {

constexpr const char* capability = "security.capability";
constexpr const char* layout_text = "{\"imageLayoutVersion\":\"1.0.0\"}\n";

std::string member_path(const RootPath& path) {
    return std::string(path.relative());
}

} // namespace

void OciPart::begin_directory(const RootPath& path, unsigned mode, base::Owner owner) {
    if (path.is_root() || !directories_.insert(path).second)
        return;
    TreeMember member;
    member.path = member_path(path);
    member.type = TreeMemberType::directory;
    member.mode = mode;
    member.uid = owner.uid;
    member.gid = owner.gid;
    member.modified.tv_sec = static_cast<time_t>(time_);
    writer_.begin(member);
}

void OciPart::add_parents(const RootPath& path) {
    if (path.is_root() || directories_.contains(path))
        return;
    add_parents(path.parent());
    const auto known = directory ? directory(path) : std::nullopt;
    if (known)
        begin_directory(path, known->permissions() & 01777u, {known->status.st_uid, known->status.st_gid});
    else
        begin_directory(path, 0755, {});
}

void OciPart::add(const Tree& tree, const Entry& entry, const RootPath& path) {
    add_parents(path.parent());
    TreeMember member;
    member.path = member_path(path);
    member.mode = entry.permissions() & 01777u;
    member.uid = entry.status.st_uid;
    member.gid = entry.status.st_gid;
    member.modified.tv_sec = entry.status.st_mtim.tv_sec;
    if (entry.is_directory()) {
        begin_directory(path, member.mode, {member.uid, member.gid});
    } else if (entry.is_symlink()) {
        member.type = TreeMemberType::symlink;
        member.mode = 0777;
        member.link_target = entry.link_target;
        writer_.begin(member);
    } else if (entry.is_file()) {
        const std::string shown = tree.show(entry.path);
        const base::Fd file = tree.open_regular(entry.path);
        member.size = static_cast<std::uint64_t>(entry.status.st_size);
        member.extents = {{0, member.size}};
        const base::Attributes attributes = base::read_attributes(file, shown);
        if (const auto found = attributes.find(capability); found != attributes.end())
            member.attributes.insert(*found);
        writer_.begin(member);
        format::ContentDigest digest;
        write_content(writer_, file, member, shown, [&](std::uint64_t offset, std::string_view piece) {
            if (written)
                digest.update(offset, piece);
        });
        if (written)
            written(entry, digest.finish());
    }
}

void OciPart::add_directory(const RootPath& path, unsigned mode) {
    add_parents(path.parent());
    begin_directory(path, mode, {});
}

void OciPart::add_file(const RootPath& path, std::string_view text, unsigned mode) {
    add_parents(path.parent());
    TreeMember member;
    member.path = member_path(path);
    member.mode = mode;
    member.size = text.size();
    member.modified.tv_sec = static_cast<time_t>(time_);
    writer_.begin(member);
    writer_.write(0, text);
}

void OciPart::add_symlink(const RootPath& path, const std::string& target) {
    add_parents(path.parent());
    TreeMember member;
    member.path = member_path(path);
    member.type = TreeMemberType::symlink;
    member.mode = 0777;
    member.link_target = target;
    member.modified.tv_sec = static_cast<time_t>(time_);
    writer_.begin(member);
}

void OciLayout::check(const HostPath& path, bool replace) {
    if (is_archive(path))
        return OutputFile::check(path, replace);
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) {
        if (errno != ENOENT)
            throw base::system_error(errno, path.string(), "lstat");
    } else {
        if (!replace)
            throw Error(ErrorKind::conflict, path.string(), "exists already",
                        "repeat it with --force to replace it");
        if (!std::filesystem::is_regular_file(path / "oci-layout"))
            throw Error(ErrorKind::conflict, path.string(), "is no OCI image layout, and is not replaced");
    }
    base::require_directory_of(path);
}

OciLayout::OciLayout(HostPath path, bool replace)
    : path_(std::move(path)), staging_(OutputFile::beside(path_)), replace_(replace) {
    check(path_, replace_);
    const base::UmaskOfCaller theirs; // a jail's files are in it
    if (::mkdir(staging_.c_str(), 0755) != 0)
        throw base::system_error(errno, path_.string(), "mkdir");
    try {
        base::make_directories(staging_ / "blobs/sha256", 0755);
    } catch (...) {
        base::remove_directory(staging_);
        throw;
    }
}

OciLayout::~OciLayout() {
    if (placed_)
        return;
    std::error_code ignored; // nothing refers to it, and its name says what it is
    std::filesystem::remove_all(staging_, ignored);
}

OciBlob OciLayout::add_blob(std::string_view bytes) {
    const std::string sha256 = base::sha256(bytes);
    base::write_file_atomically(staging_ / "blobs/sha256" / sha256, bytes, 0644);
    bytes_ += bytes.size();
    return {"sha256:" + sha256, bytes.size()};
}

OciBlob OciLayout::add_part(std::int64_t time, const std::function<void(OciPart&)>& fill) {
    const HostPath temporary = staging_ / "part";
    format::WrittenArchive written;
    {
        const base::Fd file = base::open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, 0644);
        format::TreeArchiveWriter writer(file, temporary.string(), format::TarForm::layout);
        OciPart part(writer, time);
        fill(part);
        written = writer.finish();
    }
    std::filesystem::rename(temporary, staging_ / "blobs/sha256" / written.sha256);
    base::step("export.part_written");
    bytes_ += written.bytes;
    return {"sha256:" + written.sha256, written.bytes};
}

std::uint64_t OciLayout::place(std::string_view index, std::int64_t time) {
    base::write_file_atomically(staging_ / "oci-layout", layout_text, 0644);
    base::write_file_atomically(staging_ / "index.json", index, 0644);
    if (is_archive(path_))
        place_archive(time);
    else
        place_directory();
    base::step("export.placed");
    return bytes_;
}

void OciLayout::place_archive(std::int64_t time) {
    OutputFile file(path_, replace_);
    format::TreeArchiveWriter writer(file.fd(), path_.string(), format::TarForm::layout);
    OciPart part(writer, time);
    const Tree top = Tree::open(staging_);
    for (const char* name : {"oci-layout", "index.json"})
        part.add_file(RootPath::parse(name), top.read(RootPath::parse(name)), 0644);
    top.walk([&](const Entry& entry) {
        if (entry.path.is_within(RootPath::parse("/blobs"))) {
            Entry timed = entry;
            timed.status.st_mtim.tv_sec = static_cast<time_t>(time);
            timed.status.st_uid = 0;
            timed.status.st_gid = 0;
            part.add(top, timed, entry.path);
        }
        return true;
    });
    writer.finish();
    file.commit();
}

void OciLayout::place_directory() {
    base::sync_file_system(base::open_file(staging_, O_RDONLY | O_DIRECTORY));
    if (!replace_ || !base::exists(path_)) {
        base::rename_durably(staging_, path_); // fails on whatever has got that name and is not empty
        placed_ = true;
        return;
    }
    const HostPath old = OutputFile::beside(path_);
    base::rename_durably(path_, old);
    base::rename_durably(staging_, path_);
    placed_ = true;
    base::remove_directory(old);
}

} // namespace pkgjail::store
