#include "support/catch.hpp"

#include <string>

#include "pkgjail/base/crc32.hpp"

using pkgjail::base::crc32;
using pkgjail::base::crc32_by_tables;

namespace {

/// As the standard has it, bit after bit.
std::uint32_t slow(std::string_view bytes) {
    std::uint32_t value = ~0u;
    for (const char byte : bytes) {
        value ^= static_cast<unsigned char>(byte);
        for (int bit = 0; bit < 8; ++bit)
            value = (value & 1) != 0 ? 0xedb88320u ^ (value >> 1) : value >> 1;
    }
    return ~value;
}

std::string bytes_of(std::size_t size) {
    std::string bytes;
    std::uint32_t state = 1;
    while (bytes.size() < size)
        bytes += static_cast<char>((state = state * 1664525u + 1013904223u) >> 24);
    return bytes;
}

} // namespace

TEST_CASE("check sums are those of the standard", "[base][crc32]") {
    CHECK(crc32(0, "") == 0);
    CHECK(crc32(0, "123456789") == 0xcbf43926u);
    CHECK(slow("123456789") == 0xcbf43926u);
    CHECK(crc32(0, std::string(1000, '\0')) == slow(std::string(1000, '\0')));
}

TEST_CASE("check sums of any number of bytes at any place are right", "[base][crc32]") {
    const std::string bytes = bytes_of(700);
    int wrong = 0;
    for (std::size_t begin = 0; begin < 20; ++begin)
        for (std::size_t size = 0; begin + size <= bytes.size(); ++size) {
            const std::string_view piece = std::string_view(bytes).substr(begin, size);
            const std::uint32_t right = slow(piece);
            wrong += crc32(0, piece) != right || crc32_by_tables(0, piece) != right ? 1 : 0;
        }
    CHECK(wrong == 0);
}

TEST_CASE("a check sum goes on where the piece before has ended", "[base][crc32]") {
    const std::string bytes = bytes_of(100'000);
    for (const std::size_t step : {1, 63, 64, 100, 4096, 65536}) {
        std::uint32_t value = 0, by_tables = 0;
        for (std::string_view rest = bytes; !rest.empty(); rest.remove_prefix(std::min(step, rest.size()))) {
            value = crc32(value, rest.substr(0, step));
            by_tables = crc32_by_tables(by_tables, rest.substr(0, step));
        }
        CHECK(value == slow(bytes));
        CHECK(by_tables == slow(bytes));
    }
}
