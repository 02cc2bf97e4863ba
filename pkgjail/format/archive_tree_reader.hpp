// Reading tar archives of whole trees: libarchive's reader with every name and kind checked. Hostile until
// proven otherwise. What the members mean, and where they may go, is the caller's to judge.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pkgjail/format/archive_member.hpp"
#include "pkgjail/format/byte_source.hpp"

namespace pkgjail::format {

/// Ceilings; an archive that passes one is Error{corrupt}. May be lowered while reading, when the archive has
/// said what it holds.
struct TreeArchiveLimits {
    std::uint64_t max_unpacked_bytes = 1u << 30; ///< decoder's output, all members with headers together
    std::uint64_t max_data_bytes = 1u << 30;     ///< of files, holes not counted
    std::uint64_t max_members = 16;
    std::uint64_t max_attribute_bytes = 1u << 20; ///< of all members together
};

class TreeArchiveReader {
  public:
    /// `input` gives the bytes of the archive, compressed by whatever libarchive reads without running
    /// programs, and must outlive this. `name` is for messages.
    TreeArchiveReader(ByteSource& input, std::string name, TreeArchiveLimits limits);
    TreeArchiveReader(const TreeArchiveReader&) = delete;
    TreeArchiveReader& operator=(const TreeArchiveReader&) = delete;
    ~TreeArchiveReader();

    void set_limits(const TreeArchiveLimits& limits);

    /// The next member; what was left of the present one is read first. nullopt at the end of the input,
    /// which must be the end of the archive. A path is relative, without empty components, "." and "..", at
    /// most 4095 bytes and 255 each; a hard link's target is such a path too. Devices, sockets, links with
    /// content, negative numbers are Error{corrupt}.
    std::optional<TreeMember> next();

    struct Piece {
        std::uint64_t offset = 0;
        std::string_view bytes; ///< until the next call
    };
    /// Data of the present file, in ascending order, holes left out; nullopt at its end.
    std::optional<Piece> read();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace pkgjail::format
