// Directory trees of the store as members of an archive, and the digest list of what was written.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/base/tree.hpp"
#include "pkgjail/format/archive_writer.hpp"

namespace pkgjail::store {

/// Names for owners' numbers; what has none is written by number alone.
struct OwnerNames {
    std::map<std::uint32_t, std::string> users;
    std::map<std::uint32_t, std::string> groups;
};

/// What a tree will be in an archive.
struct ExportSize {
    std::uint64_t members = 0;
    std::uint64_t bytes = 0; ///< data of files, holes not counted, a file with several names once
    ExportSize& operator+=(const ExportSize& other);
};
enum class Holes {
    keep,
    fill, ///< as zeroes: an image's manifest has the digests of whole contents
};

/// With the tree's own top. Error{corrupt} for a device.
ExportSize export_size(const base::Tree& tree, Holes holes);

/// A regular file's content, from its descriptor into the present member; `member` has its extents.
/// Error{busy} when it becomes shorter meanwhile. Calls `seen` with what was written.
void write_content(format::TreeArchiveWriter& writer, const base::Fd& file, const format::TreeMember& member,
                   std::string_view shown, const std::function<void(std::uint64_t, std::string_view)>& seen);

class TreeExporter {
  public:
    /// `advance` is called with the bytes of each piece written; both must outlive this.
    TreeExporter(format::TreeArchiveWriter& writer, OwnerNames names,
                 std::function<void(std::uint64_t)> advance);

    /// A file of our own making, owned by root.
    void add_text(const std::string& path, std::string_view text, std::int64_t time);
    /// The tree's top as `path`, and everything below it, directories before what is in them, names in byte
    /// order. Nobody may change the tree meanwhile. Sockets are left out. Error{corrupt} for a device.
    void add_tree(const base::Tree& tree, const std::string& path, Holes holes);
    /// Called with each member of a tree after it was written, its path in the tree, and a file's digest.
    std::function<void(const format::TreeMember&, const base::RootPath&, const std::string& sha256)> written;

    /// A line for each member so far (format::digest_line).
    const std::string& digests() const { return digests_; }
    /// Paths of sockets that were left out.
    const std::vector<std::string>& left_out() const { return left_out_; }

  private:
    void add(const base::Tree& tree, const base::Entry& entry, const std::string& path);
    std::string add_content(const base::Fd& file, format::TreeMember& member, const std::string& shown);

    format::TreeArchiveWriter& writer_;
    OwnerNames names_;
    Holes holes_ = Holes::keep;
    std::function<void(std::uint64_t)> advance_;
    std::map<std::pair<dev_t, ino_t>, std::string> linked_; ///< within the present tree
    std::string digests_;
    std::vector<std::string> left_out_;
};

} // namespace pkgjail::store
