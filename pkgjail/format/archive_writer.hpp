// Writing tar archives of whole trees, in the pax form that libarchive and GNU tar read: names as bytes,
// nanoseconds, extended attributes, access lists, hard links, holes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "pkgjail/base/fd.hpp"
#include "pkgjail/format/archive_member.hpp"

namespace pkgjail::format {

enum class TarForm {
    exported, ///< times to the nanosecond, zstd
    layout,   ///< extended headers only where a member needs them, not compressed: the same bytes everywhere
};

/// What came out.
struct WrittenArchive {
    std::string sha256;
    std::uint64_t bytes = 0;
};

/// A member is begin(), then write() for a file's data. Same members, same bytes. Throws Error{system} when
/// the output cannot be written, Error{conflict} for a member that tar cannot hold.
class TreeArchiveWriter {
  public:
    /// Writes from the descriptor's present position; it stays the caller's and must outlive the writer.
    /// `name` is for messages.
    TreeArchiveWriter(const base::Fd& output, std::string name, TarForm form);
    TreeArchiveWriter(const TreeArchiveWriter&) = delete;
    TreeArchiveWriter& operator=(const TreeArchiveWriter&) = delete;
    ~TreeArchiveWriter();

    void begin(const TreeMember& member);
    /// Data of the present file, in ascending order, within its extents. What is not given of a file is
    /// zeroes.
    void write(std::uint64_t offset, std::string_view bytes);
    /// The end mark. Not synced. Without it the archive is not whole.
    WrittenArchive finish();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace pkgjail::format
