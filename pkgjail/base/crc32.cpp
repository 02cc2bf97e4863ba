#include "pkgjail/base/crc32.hpp"

#include <array>
#include <cstddef>

#ifdef __x86_64__
#include <cpuid.h>
#include <emmintrin.h>
#include <wmmintrin.h>
#endif

namespace pkgjail::base {

namespace {

constexpr std::uint32_t polynomial = 0xedb88320u; // bits reversed, as everything here
constexpr std::size_t lanes = 16;

/// What `value` comes to with a bit of zero after it.
constexpr std::uint32_t times_x(std::uint32_t value) {
    return (value & 1) != 0 ? polynomial ^ (value >> 1) : value >> 1;
}

// tables[0] is the usual table for one byte; tables[n] is for a byte with n zero bytes after it. So sixteen
// bytes need sixteen independent look-ups instead of sixteen that wait for each other.
using Tables = std::array<std::array<std::uint32_t, 256>, lanes>;

constexpr Tables make_tables() {
    Tables tables{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t value = byte;
        for (int bit = 0; bit < 8; ++bit)
            value = times_x(value);
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

/// What four bytes come to with `zeros` bytes of zero after them.
template <std::size_t zeros>
std::uint32_t followed_by(std::uint32_t bytes) {
    return tables[zeros + 3][bytes & 0xff] ^ tables[zeros + 2][bytes >> 8 & 0xff] ^
           tables[zeros + 1][bytes >> 16 & 0xff] ^ tables[zeros][bytes >> 24];
}

/// The register before it is inverted for the result.
std::uint32_t advance(std::uint32_t crc, std::string_view bytes) {
    for (; bytes.size() >= lanes; bytes.remove_prefix(lanes)) {
        crc = followed_by<12>(crc ^ little_endian(bytes.data())) ^
              followed_by<8>(little_endian(bytes.data() + 4)) ^
              followed_by<4>(little_endian(bytes.data() + 8)) ^
              followed_by<0>(little_endian(bytes.data() + 12));
    }
    for (const char byte : bytes)
        crc = tables[0][(crc ^ static_cast<unsigned char>(byte)) & 0xff] ^ (crc >> 8);
    return crc;
}

#ifdef __x86_64__

// Sixteen bytes are a polynomial A x^64 + B. With D bits after them they are, by the polynomial P of the
// check sum, the same as A (x^(D+64) mod P) + B (x^D mod P), which is as short again: so the halves are
// multiplied without carries and added to what stands D bits later, until sixteen bytes are left of any
// number. A factor of 32 bits stands in the lower half of 64, which, with bits reversed, is worth x^32, so
// its exponent is 32 less; and reversed products come out one bit too low.
constexpr long long folding(unsigned bits) {
    std::uint32_t value = 0x80000000u; // 1
    for (unsigned i = 0; i < bits; ++i)
        value = times_x(value);
    return static_cast<long long>(value) << 1;
}

__m128i load(const char* bytes) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}

__attribute__((target("pclmul"))) __m128i fold(__m128i what, __m128i by, __m128i onto) {
    return _mm_xor_si128(
        onto, _mm_xor_si128(_mm_clmulepi64_si128(what, by, 0x00), _mm_clmulepi64_si128(what, by, 0x11)));
}

constexpr std::size_t least_to_fold = 64;

/// At least least_to_fold bytes.
__attribute__((target("pclmul"))) std::uint32_t advance_by_folding(std::uint32_t crc,
                                                                   std::string_view bytes) {
    constexpr long long four[] = {folding(4 * 128 + 32), folding(4 * 128 - 32)};
    constexpr long long one[] = {folding(128 + 32), folding(128 - 32)};
    const __m128i by_four = _mm_set_epi64x(four[1], four[0]), by_one = _mm_set_epi64x(one[1], one[0]);
    const char* at = bytes.data();
    std::size_t left = bytes.size() - least_to_fold;
    __m128i a = _mm_xor_si128(load(at), _mm_cvtsi32_si128(static_cast<int>(crc)));
    __m128i b = load(at + 16), c = load(at + 32), d = load(at + 48);
    for (at += 64; left >= 64; left -= 64, at += 64) {
        a = fold(a, by_four, load(at));
        b = fold(b, by_four, load(at + 16));
        c = fold(c, by_four, load(at + 32));
        d = fold(d, by_four, load(at + 48));
    }
    d = fold(fold(fold(a, by_one, b), by_one, c), by_one, d);
    for (; left >= 16; left -= 16, at += 16)
        d = fold(d, by_one, load(at));
    char rest[16];
    _mm_storeu_si128(reinterpret_cast<__m128i*>(rest), d);
    return advance(advance(0, std::string_view(rest, sizeof rest)), std::string_view(at, left));
}

bool can_fold() {
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_PCLMUL) != 0;
}

#endif

} // namespace

std::uint32_t crc32(std::uint32_t before, std::string_view bytes) {
#ifdef __x86_64__
    static const bool folds = can_fold();
    if (folds && bytes.size() >= least_to_fold)
        return ~advance_by_folding(~before, bytes);
#endif
    return crc32_by_tables(before, bytes);
}

std::uint32_t crc32_by_tables(std::uint32_t before, std::string_view bytes) {
    return ~advance(~before, bytes);
}

} // namespace pkgjail::base
