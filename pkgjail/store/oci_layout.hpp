// An OCI image layout on disk: blobs under their digests, an index. What the documents say is for others.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "pkgjail/base/tree.hpp"
#include "pkgjail/format/archive_writer.hpp"

namespace pkgjail::store {

struct OciBlob {
    std::string digest; ///< "sha256:…"
    std::uint64_t bytes = 0;
};

/// One part of the root file system as a tar archive: same files, same bytes. Entries may come in any order,
/// each path once; directories above an entry that have not come yet are made (0755, root's). No set-id bits,
/// no attributes but capabilities, whole seconds; directories have the time of the whole.
class OciPart {
  public:
    OciPart(format::TreeArchiveWriter& writer, std::int64_t time) : writer_(writer), time_(time) {}

    /// `tree`'s entry as `path`. FIFOs, sockets and devices are passed over.
    void add(const base::Tree& tree, const base::Entry& entry, const base::RootPath& path);
    /// Of our own making, owned by root; nothing when the directory has come already.
    void add_directory(const base::RootPath& path, unsigned mode);
    void add_file(const base::RootPath& path, std::string_view text, unsigned mode);
    void add_symlink(const base::RootPath& path, const std::string& target);

    /// How directories above an entry look, where somebody knows; they come before the entry.
    std::function<std::optional<base::Entry>(const base::RootPath& path)> directory;
    /// Where somebody asks: called with the SHA-256 of a file of a tree after it was written.
    std::function<void(const base::Entry& entry, const std::string& sha256)> written;

  private:
    void add_parents(const base::RootPath& path);
    void begin_directory(const base::RootPath& path, unsigned mode, base::Owner owner);

    format::TreeArchiveWriter& writer_;
    std::int64_t time_;
    std::set<base::RootPath> directories_;
};

/// A layout in the making, as a directory beside its final place; disappears unless it was placed.
class OciLayout {
  public:
    /// Error{conflict} when `path` is there and may not be replaced, or is no layout or archive.
    OciLayout(base::HostPath path, bool replace);
    OciLayout(const OciLayout&) = delete;
    OciLayout& operator=(const OciLayout&) = delete;
    ~OciLayout();

    /// The first thing that the constructor does, to be done before any work.
    static void check(const base::HostPath& path, bool replace);

    OciBlob add_blob(std::string_view bytes);
    OciBlob add_part(std::int64_t time, const std::function<void(OciPart&)>& fill);
    /// Writes oci-layout and index.json, then puts the whole in its place: as a directory, or as a tar
    /// archive where the name ends in ".tar". Returns the size of all blobs.
    std::uint64_t place(std::string_view index, std::int64_t time);

  private:
    static bool is_archive(const base::HostPath& path) { return path.extension() == ".tar"; }
    void place_archive(std::int64_t time);
    void place_directory();

    base::HostPath path_;
    base::HostPath staging_;
    bool replace_;
    std::uint64_t bytes_ = 0;
    bool placed_ = false;
};

} // namespace pkgjail::store
