#include "pkgjail/store/seal.hpp"

#include <fcntl.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/file_capabilities.hpp"
#include "pkgjail/base/step.hpp"

namespace pkgjail::store {

using base::Entry;
using base::HostPath;
using base::RootPath;
using base::Tree;

namespace {

bool same_but_content(const Entry& a, const Entry& b) {
    return a.is_file() && b.is_file() && a.status.st_size == b.status.st_size &&
           a.status.st_mode == b.status.st_mode && a.status.st_uid == b.status.st_uid &&
           a.status.st_gid == b.status.st_gid && a.status.st_mtim.tv_sec == b.status.st_mtim.tv_sec &&
           a.status.st_mtim.tv_nsec == b.status.st_mtim.tv_nsec && a.status.st_dev == b.status.st_dev &&
           a.status.st_ino != b.status.st_ino;
}

bool is_equal(const Tree& images, const RootPath& theirs, const Tree& staging,
              const jail::ManifestEntry& ours) {
    const auto entry = images.stat(theirs);
    const auto our_entry = staging.stat(ours.path);
    if (!entry || !our_entry || !same_but_content(*entry, *our_entry) || entry->status.st_nlink >= most_links)
        return false;
    const std::string shown = images.show(theirs);
    const base::Fd file = images.open_regular(theirs);
    // Ours is sound. The catalog says what theirs was; what it is now the disk alone knows.
    return !base::has_file_capabilities(file, shown) &&
           !base::has_file_capabilities(staging.open_regular(ours.path), staging.show(ours.path)) &&
           base::digest_of_file(base::DigestAlgorithm::sha256, file, shown) == ours.sha256;
}

/// Gives their file a second name. False: it is not as ours, or cannot be had (a damaged disk, a file system
/// that counts names otherwise), and nothing is lost, for ours is there.
bool link_beside(const Tree& images, const RootPath& theirs, const Tree& staging,
                 const jail::ManifestEntry& ours, const RootPath& beside) {
    try {
        if (!is_equal(images, theirs, staging, ours))
            return false;
        staging.make_hard_link(images, theirs, beside);
        return true;
    } catch (const base::Error&) {
        return false;
    }
}

} // namespace

std::uint64_t link_equal_files(const Layout& layout, const Tree& staging, const jail::Manifest& manifest,
                               const EqualFileFinder& equal_file) {
    std::uint64_t saved = 0;
    const Tree images = Tree::open(layout.images());
    const RootPath top = RootPath::parse("/tree");
    const RootPath beside = RootPath::parse("/link");
    for (const jail::ManifestEntry& line : manifest.entries) {
        if (line.type != jail::EntryType::file || line.size == 0 || !line.path.is_within(top))
            continue;
        const auto other = equal_file(line);
        if (!other)
            continue;
        const RootPath there = RootPath::parse(other->lexically_relative(layout.images()).string());
        if (!link_beside(images, there, staging, line, beside))
            continue;
        staging.rename_into(beside, staging, line.path);
        saved += line.size;
    }
    return saved;
}

void seal(const Layout& layout, const HostPath& staging, const std::string& id) {
    // Order matters if the power fails: the files, their directory, the rename, then the caller's catalog
    // commit. Cut anywhere earlier, and the catalog knows nothing of the image; sweep() removes it.
    const HostPath image = layout.image(id);
    const Tree images = Tree::open(layout.images());
    if (images.exists(RootPath::parse(id))) { // whole, because images come and go by one rename
        images.remove_all(RootPath::parse(staging.filename().string()));
        return;
    }
    base::sync_file_system(base::open_file(staging, O_RDONLY | O_DIRECTORY));
    base::step("build.synced");
    base::rename_durably(staging, image);
    base::step("build.sealed");
}

} // namespace pkgjail::store
