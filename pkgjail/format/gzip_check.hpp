// The check sum at the end of a gzip stream, which libarchive's decoder passes over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pkgjail::format {

/// Sees the compressed bytes and what they were decompressed to. A file of one gzip member is assumed, as
/// gzip(1) and the package tools write it: of several members in a row, or of one with bytes after it, this
/// says that it is damaged.
class GzipCheck {
  public:
    void compressed(std::string_view bytes);
    void decompressed(std::string_view bytes);
    /// At the end: whether length and CRC-32 of all output are those of the last eight bytes of the input.
    bool holds() const;

  private:
    std::string trailer_; ///< the last eight bytes so far
    std::uint32_t crc_ = 0;
    std::uint32_t length_ = 0; ///< modulo 2^32, as the format has it
};

} // namespace pkgjail::format
