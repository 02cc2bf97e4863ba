#include "pkgjail/store/link_unpacked.hpp"

#include <cerrno>
#include <set>

#include <sys/stat.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/directory.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file_capabilities.hpp"
#include "pkgjail/store/owner.hpp"
#include "pkgjail/store/pkgdb.hpp"
#include "pkgjail/store/seal.hpp"

namespace pkgjail::store {

using base::Directory;
using base::RootPath;
using base::Tree;
using jail::EntryType;
using jail::ManifestEntry;

namespace {

const RootPath tree_top = RootPath::parse("/tree");

class Linker {
  public:
    Linker(const Tree& image, const UnpackedBefore& before, const Tree& files,
           const std::function<void(std::uint64_t)>& advance)
        : image_(image), before_(before), files_(files), advance_(advance) {}

    /// False: something is not as it was.
    bool run(const format::PackageMetadata& metadata) {
        std::set<std::string> missing;
        for (const format::PlistFile& file : metadata.plist.files)
            missing.insert(RootPath::parse(file.path).str());
        for (const ManifestEntry& entry : before_.entries) {
            if (!entry.path.is_within(tree_top))
                return false;
            const RootPath path = entry.path.below(tree_top);
            if (path.is_within(pkgdb_path())) // which is written for each image
                continue;
            if (missing.erase(path.str()) == 0 || !take(entry, path))
                return false;
        }
        return missing.empty();
    }
    std::map<std::string, std::string> take_digests() { return std::move(digests_); }

  private:
    bool take(const ManifestEntry& entry, const RootPath& path) {
        if (!to_ || to_->path() != path.parent()) {
            const auto there = image_.stat(entry.path.parent());
            if (!there || !there->is_directory())
                return false;
            from_.emplace(image_, entry.path.parent());
            files_.make_directories(path.parent(), 0755);
            to_.emplace(files_, path.parent());
        }
        return entry.type == EntryType::file ? take_file(entry, path) : take_link(entry, path);
    }

    bool take_file(const ManifestEntry& entry, const RootPath& path) {
        const base::Fd file = image_.open_regular(entry.path);
        const std::string shown = image_.show(entry.path);
        struct stat there {};
        if (::fstat(file.get(), &there) != 0)
            throw base::system_error(errno, shown, "fstat");
        if (!is_unchanged(there, entry) || static_cast<std::uint64_t>(there.st_size) != entry.size ||
            (there.st_mode & 07777u) != entry.mode || there.st_nlink >= most_links ||
            base::has_file_capabilities(file, shown) ||
            base::digest_of_file(base::DigestAlgorithm::sha256, file, shown) != entry.sha256)
            return false;
        from_->link_into(*to_, path.name());
        digests_[path.str()] = entry.sha256;
        if (advance_)
            advance_(entry.size);
        return true;
    }

    bool take_link(const ManifestEntry& entry, const RootPath& path) {
        const auto there = image_.stat(entry.path);
        if (entry.type != EntryType::symlink || !there || !there->is_symlink() ||
            !is_unchanged(there->status, entry) || there->link_target != entry.link_target)
            return false;
        files_.make_symlink(there->link_target, path);
        files_.set_modification_time(path, there->status.st_mtim);
        return true;
    }

    /// The time is the archive's, which is older than the image unless somebody wrote to it since.
    bool is_unchanged(const struct stat& there, const ManifestEntry& entry) const {
        return there.st_uid == entry.uid && there.st_gid == entry.gid &&
               static_cast<std::int64_t>(there.st_mtim.tv_sec) < before_.made_at;
    }

    const Tree& image_;
    const UnpackedBefore& before_;
    const Tree& files_;
    const std::function<void(std::uint64_t)>& advance_;
    std::optional<Directory> from_, to_;
    std::map<std::string, std::string> digests_;
};

} // namespace

bool needs_no_script(const format::PackageMetadata& metadata) {
    const std::string* script = metadata.member("+INSTALL");
    return metadata.plist.exec.empty() &&
           (script == nullptr || format::InstallFrame::recognise(*script).has_value());
}

std::optional<Unpacked> link_unpacked(const Layout& layout, const BuildPackage& package,
                                      const UnpackedBefore& before, const Tree& files,
                                      const std::function<void(std::uint64_t)>& advance) {
    const Tree images = Tree::open(layout.images());
    const RootPath name = RootPath::parse(before.image);
    if (package.metadata == nullptr || !images.exists(name))
        return std::nullopt;
    const Tree image = images.open_tree(name);
    Linker linker(image, before, files, advance);
    bool is_whole = false;
    try {
        is_whole = linker.run(*package.metadata);
    } catch (const base::Error&) {
        // Damage in that image, or another file system; what is wrong here unpacking meets again.
    }
    if (!is_whole) {
        files.remove_all(RootPath());
        return std::nullopt;
    }
    Unpacked unpacked;
    unpacked.metadata = *package.metadata;
    unpacked.digests = linker.take_digests();
    unpacked.linked = true;
    read_script(package.pkgname, false, unpacked);
    return unpacked;
}

} // namespace pkgjail::store
