#include "pkgjail/format/gzip_check.hpp"

#include "pkgjail/base/crc32.hpp"

namespace pkgjail::format {
namespace {

constexpr std::size_t trailer_size = 8;

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
    return base::little_endian(trailer_.data()) == crc_ &&
           base::little_endian(trailer_.data() + 4) == length_;
}

} // namespace pkgjail::format
