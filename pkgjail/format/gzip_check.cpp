#include "pkgjail/format/gzip_check.hpp"

#include "pkgjail/base/crc32.hpp"

namespace pkgjail::format {
namespace {

constexpr std::size_t trailer_size = 8;
/// Of four bytes.
std::uint32_t little_endian(const char* bytes) {
    std::uint32_t value = 0;
    for (std::size_t i = 4; i-- > 0;)
        value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return value;
}

} // namespace

void GzipCheck::compressed(std::string_view bytes) {
    if (bytes.size() > trailer_size)
        bytes.remove_prefix(bytes.size() - trailer_size);
    trailer_ += bytes;
    if (trailer_.size() > trailer_size)
        trailer_.erase(0, trailer_.size() - trailer_size);
}

void GzipCheck::decompressed(std::string_view bytes) {
    length_ += static_cast<std::uint32_t>(bytes.size());
    crc_ = base::crc32(crc_, bytes);
}

bool GzipCheck::holds() const {
    if (trailer_.size() != trailer_size)
        return false;
    return little_endian(trailer_.data()) == crc_ && little_endian(trailer_.data() + 4) == length_;
}

} // namespace pkgjail::format
