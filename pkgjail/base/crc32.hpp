// The check sum of gzip.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pkgjail::base {

/// CRC-32 as in IEEE 802.3: of what gave `before` and then `bytes`. Of nothing it is 0.
std::uint32_t crc32(std::uint32_t before, std::string_view bytes);
/// The same by tables alone, which processors without an instruction for it do.
std::uint32_t crc32_by_tables(std::uint32_t before, std::string_view bytes);

/// The number in four bytes, which is how gzip writes the check sum.
inline std::uint32_t little_endian(const char* bytes) {
    std::uint32_t value = 0;
    for (std::size_t i = 4; i-- > 0;)
        value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return value;
}

} // namespace pkgjail::base
