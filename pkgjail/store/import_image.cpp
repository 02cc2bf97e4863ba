#include "pkgjail/store/import_image.hpp"

#include <fmt/core.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/store/owner.hpp"
#include "pkgjail/store/seal.hpp"

namespace pkgjail::store {

using base::Error;
using base::ErrorKind;
using base::RootPath;
using base::Tree;
using format::TreeMember;
using format::TreeMemberType;
using jail::EntryType;
using jail::ManifestEntry;

namespace {

EntryType entry_type(TreeMemberType type) {
    switch (type) {
    case TreeMemberType::directory:
        return EntryType::directory;
    case TreeMemberType::symlink:
        return EntryType::symlink;
    case TreeMemberType::file:
    case TreeMemberType::hard_link:
    case TreeMemberType::fifo: // refused before
        break;
    }
    return EntryType::file;
}

bool same_file(const ManifestEntry& a, const ManifestEntry& b) {
    return b.type == EntryType::file && a.mode == b.mode && a.uid == b.uid && a.gid == b.gid &&
           a.size == b.size && a.sha256 == b.sha256;
}

} // namespace

jail::Manifest verified_manifest(const std::string& text, const std::string& build_key, const std::string& id,
                                 const std::string& archive) {
    if (base::sha256(build_key + "\n" + text) != id)
        throw Error(ErrorKind::trust, archive, "its manifest is not that of its image " + id.substr(0, 12),
                    "fetch or make it again");
    jail::Manifest manifest = base::while_doing(archive, [&] { return jail::Manifest::parse(text); });
    for (const ManifestEntry& entry : manifest.entries)
        for (const char* part : {"/tree", "/seed"})
            if (entry.path == RootPath::parse(part) && entry.type != EntryType::directory)
                throw Error(ErrorKind::corrupt, archive,
                            fmt::format("its manifest has {}, which is no directory", part));
    return manifest;
}

ManifestCheck::ManifestCheck(const jail::Manifest& manifest, std::string archive)
    : manifest_(manifest), archive_(std::move(archive)), seen_(manifest.entries.size()) {
    index_.reserve(manifest.entries.size());
    for (std::size_t i = 0; i < manifest.entries.size(); ++i)
        index_.emplace(manifest.entries[i].path.str(), i);
}

void ManifestCheck::fail(const std::string& path, const std::string& cause) const {
    throw Error(ErrorKind::trust, archive_, fmt::format("image{}: {}", path, cause),
                "fetch or make it again");
}

void ManifestCheck::member(const RootPath& part, const TreeMember& member, const RootPath& path,
                           const std::string& sha256) {
    const std::string full = path.is_root() ? part.str() : part.str() + path.str();
    const auto found = index_.find(full);
    if (found == index_.end()) {
        // The tops of tree and seed are no part of an image; those within seed are.
        if (path.is_root())
            return;
        fail(full, "is not in the manifest");
    }
    const ManifestEntry& entry = manifest_.entries[found->second];
    seen_[found->second] = true;
    if (entry.type != entry_type(member.type))
        fail(full, "is of another type than the manifest says");
    if (member.type == TreeMemberType::hard_link) {
        const auto target = index_.find(member.link_target.substr(std::string_view("image").size()));
        if (target == index_.end() || !seen_[target->second] ||
            !same_file(entry, manifest_.entries[target->second]))
            fail(full, fmt::format("is a second name of {}, which is another file", member.link_target));
        return;
    }
    if (entry.mode != member.mode || entry.uid != member.uid || entry.gid != member.gid)
        fail(full, fmt::format("has mode {:04o} and owner {}:{}, and the manifest says {:04o} and {}:{}",
                               member.mode, member.uid, member.gid, entry.mode, entry.uid, entry.gid));
    if (member.type == TreeMemberType::symlink && entry.link_target != member.link_target)
        fail(full, "is a link to another place than the manifest says");
    if (member.type == TreeMemberType::file && (entry.size != member.size || member.sparse))
        fail(full, "has another size than the manifest says, or holes");
    if (member.type == TreeMemberType::file && entry.sha256 != sha256)
        fail(full, fmt::format("its SHA-256 is {}, and the manifest says {}", sha256, entry.sha256));
}

void ManifestCheck::finish() const {
    for (std::size_t i = 0; i < seen_.size(); ++i)
        if (!seen_[i])
            fail(manifest_.entries[i].path.str(), "is in the manifest and not in the archive");
}

ImageImport::ImageImport(const Layout& layout)
    : layout_(layout), path_(layout.image_staging(base::random_hex(8))) {
    const Tree images = Tree::open(layout_.images());
    const RootPath name = RootPath::parse(path_.filename().string());
    images.make_directory(name, 0700);
    for (const char* part : {"tree", "seed", "seed/config", "seed/data"})
        images.make_directory(name / part, 0755);
}

ImageImport::~ImageImport() {
    if (sealed_)
        return;
    try {
        Tree::open(layout_.images()).remove_all(RootPath::parse(path_.filename().string()));
    } catch (const std::exception&) {
        // Nothing refers to it; sweep() tries again at the next command.
    }
}

Tree ImageImport::open(const RootPath& part) const {
    return top().open_tree(part);
}

Tree ImageImport::top() const {
    return Tree::open(path_);
}

void ImageImport::finish(const jail::Manifest& manifest, const std::string& manifest_text,
                         const std::string& record, const EqualFileFinder& equal_file) {
    link_equal_files(layout_, top(), manifest, equal_file);
    top().write(RootPath::parse("/manifest"), manifest_text, 0600, permitted_owner());
    top().write(RootPath::parse("/image.json"), record, 0600, permitted_owner());
}

void ImageImport::seal(const std::string& id) {
    store::seal(layout_, path_, id);
    sealed_ = true;
}

} // namespace pkgjail::store
