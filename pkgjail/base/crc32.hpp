// The check sum of gzip.
#pragma once

#include <cstdint>
#include <string_view>

namespace pkgjail::base {

/// CRC-32 as in IEEE 802.3: of what gave `before` and then `bytes`. Of nothing it is 0.
std::uint32_t crc32(std::uint32_t before, std::string_view bytes);
/// The same by tables alone, which processors without an instruction for it do.
std::uint32_t crc32_by_tables(std::uint32_t before, std::string_view bytes);

} // namespace pkgjail::base
