// An export read back: members in their order, into trees that nobody else can reach, each looked at before
// it is written. Hostile until its last member has been compared.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/base/tree.hpp"
#include "pkgjail/format/archive_tree_reader.hpp"
#include "pkgjail/store/setid.hpp"

namespace pkgjail::store {

/// The member that ends an export: digest_line of every member before it, then "total MEMBERS SHA256", the
/// digest of all those lines.
inline constexpr const char* digests_name = "digests";
std::string digests_text(const std::string& lines, std::uint64_t members);

/// One tree of the archive.
struct ImportPart {
    std::string name;                 ///< "image/tree", "config"
    std::optional<base::Tree> target; ///< empty directory; nullopt: read and compared, not written
    bool image = false; ///< what no image may hold is refused: FIFOs, set-id files by the policy
    /// Called when a member has been read, before its directory's attributes are set; throws to refuse it.
    /// `path` is below the part's top, `sha256` of a file's data. May be empty.
    std::function<void(const format::TreeMember& member, const base::RootPath& path,
                       const std::string& sha256)>
        check;
};

class ImportReader {
  public:
    /// `input` must outlive this; `name` is for messages.
    ImportReader(format::ByteSource& input, std::string name);

    /// The next member, which must be this plain file.
    std::string text(const std::string& path, std::size_t max_bytes);
    /// Data and members that the archive has said it holds; more is Error{corrupt}.
    void expect(std::uint64_t members, std::uint64_t bytes);
    /// Everything up to the end: exactly these parts in this order, each beginning with its top directory,
    /// then the digests, then nothing. A member's directory must have come before it, names ascend, nothing
    /// comes twice; a hard link is to an earlier file of the same part. Error{corrupt} otherwise;
    /// Error{trust} when the digests are others. Set-id bits and capabilities of files in parts that are no
    /// image follow the policy, and are noted in `setid`. `advance` is called with the bytes of each piece.
    void trees(std::vector<ImportPart>& parts, jail::SetidPolicy policy, SetidList& setid,
               const std::function<void(std::uint64_t)>& advance);

  private:
    void check_digests(const format::TreeMember& member);

    std::string name_;
    format::TreeArchiveReader reader_;
    std::string lines_;
    std::uint64_t members_ = 0;
};

} // namespace pkgjail::store
