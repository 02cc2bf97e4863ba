// A tar archive of whole trees, member by member: libarchive's reader with the form of every name and kind
// checked. What it costs is told, and for others to limit.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "pkgjail/format/confined_reading.hpp"

namespace pkgjail::format {

class TreeReader : public TreeSource {
  public:
    /// `input` gives the archive's bytes, compressed or not, and must outlive this. `reached` is told how
    /// many bytes were decompressed, with each piece; what it throws comes out.
    TreeReader(ByteSource& input, std::string name, std::function<void(std::uint64_t)> reached);
    ~TreeReader() override;

    /// As TreeArchiveReader has them.
    std::optional<TreeMember> next() override;
    std::optional<TreeArchiveReader::Piece> read() override;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace pkgjail::format
