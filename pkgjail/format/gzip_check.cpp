#include "pkgjail/format/gzip_check.hpp"

namespace pkgjail::format {
namespace {

constexpr std::size_t trailer_size = 8;
constexpr std::size_t lanes = 16;

// tables[0] is the usual CRC table for one byte; tables[n] is for a byte with n zero bytes after it. So
// sixteen bytes need sixteen independent look-ups instead of sixteen that wait for each other.
using Tables = std::array<std::array<std::uint32_t, 256>, lanes>;

constexpr Tables make_tables() {
    constexpr std::uint32_t polynomial = 0xedb88320u; // of IEEE 802.3, bits reversed
    Tables tables{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t value = byte;
        for (int bit = 0; bit < 8; ++bit)
            value = (value & 1) != 0 ? polynomial ^ (value >> 1) : value >> 1;
        tables[0][byte] = value;
    }
    for (std::size_t lane = 1; lane < lanes; ++lane)
        for (std::size_t byte = 0; byte < 256; ++byte) {
            const std::uint32_t before = tables[lane - 1][byte];
            tables[lane][byte] = tables[0][before & 0xff] ^ (before >> 8);
        }
    return tables;
}
constexpr Tables tables = make_tables();

/// Of four bytes.
std::uint32_t little_endian(const char* bytes) {
    std::uint32_t value = 0;
    for (std::size_t i = 4; i-- > 0;)
        value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return value;
}

/// What four bytes come to with `zeros` bytes of zero after them.
template <std::size_t zeros>
std::uint32_t followed_by(std::uint32_t bytes) {
    return tables[zeros + 3][bytes & 0xff] ^ tables[zeros + 2][bytes >> 8 & 0xff] ^
           tables[zeros + 1][bytes >> 16 & 0xff] ^ tables[zeros][bytes >> 24];
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
    std::uint32_t crc = crc_;
    for (; bytes.size() >= lanes; bytes.remove_prefix(lanes)) {
        crc = followed_by<12>(crc ^ little_endian(bytes.data())) ^
              followed_by<8>(little_endian(bytes.data() + 4)) ^
              followed_by<4>(little_endian(bytes.data() + 8)) ^
              followed_by<0>(little_endian(bytes.data() + 12));
    }
    for (const char byte : bytes)
        crc = tables[0][(crc ^ static_cast<unsigned char>(byte)) & 0xff] ^ (crc >> 8);
    crc_ = crc;
}

bool GzipCheck::holds() const {
    if (trailer_.size() != trailer_size)
        return false;
    return little_endian(trailer_.data()) == ~crc_ && little_endian(trailer_.data() + 4) == length_;
}

} // namespace pkgjail::format
