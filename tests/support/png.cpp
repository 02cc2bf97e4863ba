// PNG (RFC 2083) with the compression of RFC 1951, as much of both as a screenshot has. The sums at the ends
// are not looked at: a picture that was cut has too few rows, which is noticed.
#include "support/png.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>

namespace pkgjail::test {

namespace {

using Bytes = std::vector<std::uint8_t>;

[[noreturn]] void fail(const std::string& why) {
    throw std::runtime_error("PNG: " + why);
}

class Bits {
  public:
    explicit Bits(const Bytes& bytes, std::size_t begin) : bytes_(bytes), at_(begin) {}
    /// The next `count` bits, the first one lowest.
    unsigned take(unsigned count) {
        unsigned value = 0;
        for (unsigned bit = 0; bit < count; ++bit) {
            if (at_ >= bytes_.size())
                fail("is cut");
            value |= ((bytes_[at_] >> used_) & 1u) << bit;
            if (++used_ == 8) {
                used_ = 0;
                ++at_;
            }
        }
        return value;
    }
    void skip_to_byte() {
        if (used_ != 0) {
            used_ = 0;
            ++at_;
        }
    }

  private:
    const Bytes& bytes_;
    std::size_t at_;
    unsigned used_ = 0;
};

/// Canonical codes: shorter ones first, among equals in the order of their symbols.
class Codes {
  public:
    explicit Codes(const std::vector<unsigned>& lengths) {
        for (const unsigned length : lengths)
            ++count_.at(length);
        count_[0] = 0;
        for (unsigned length = 1; length < count_.size(); ++length)
            for (unsigned symbol = 0; symbol < lengths.size(); ++symbol)
                if (lengths[symbol] == length)
                    symbols_.push_back(symbol);
    }
    unsigned read(Bits& bits) const {
        unsigned code = 0, first = 0, index = 0;
        for (unsigned length = 1; length < count_.size(); ++length) {
            code |= bits.take(1);
            if (code < first + count_[length])
                return symbols_.at(index + code - first);
            index += count_[length];
            first = (first + count_[length]) << 1;
            code <<= 1;
        }
        fail("has a code that there is not");
    }

  private:
    std::array<unsigned, 16> count_{};
    std::vector<unsigned> symbols_;
};

void copy_block(Bits& bits, const Codes& literals, const Codes& distances, Bytes& out) {
    constexpr unsigned length_base[] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                        31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
    constexpr unsigned length_bits[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                        2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
    constexpr unsigned distance_base[] = {1,    2,    3,    4,    5,    7,    9,    13,    17,    25,
                                          33,   49,   65,   97,   129,  193,  257,  385,   513,   769,
                                          1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
    for (;;) {
        const unsigned symbol = literals.read(bits);
        if (symbol < 256) {
            out.push_back(static_cast<std::uint8_t>(symbol));
            continue;
        }
        if (symbol == 256)
            return;
        if (symbol - 257 >= std::size(length_base))
            fail("has a length that there is not");
        const unsigned length = length_base[symbol - 257] + bits.take(length_bits[symbol - 257]);
        const unsigned code = distances.read(bits);
        if (code >= std::size(distance_base))
            fail("has a distance that there is not");
        const std::size_t distance = distance_base[code] + bits.take(code < 2 ? 0 : code / 2 - 1);
        if (distance > out.size())
            fail("begins before its beginning");
        for (unsigned done = 0; done < length; ++done)
            out.push_back(out[out.size() - distance]);
    }
}

void coded_block(Bits& bits, Bytes& out) {
    const unsigned literal_count = bits.take(5) + 257, distance_count = bits.take(5) + 1;
    const unsigned length_count = bits.take(4) + 4;
    constexpr unsigned order[] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    std::vector<unsigned> lengths(19, 0);
    for (unsigned index = 0; index < length_count; ++index)
        lengths.at(order[index]) = bits.take(3);
    const Codes codes(lengths);
    std::vector<unsigned> all;
    while (all.size() < literal_count + distance_count) {
        const unsigned symbol = codes.read(bits);
        if (symbol < 16)
            all.push_back(symbol);
        else if (symbol == 16)
            all.insert(all.end(), 3 + bits.take(2), all.empty() ? 0 : unsigned{all.back()});
        else
            all.insert(all.end(), symbol == 17 ? 3 + bits.take(3) : 11 + bits.take(7), 0);
    }
    const auto middle = all.begin() + literal_count;
    copy_block(bits, Codes({all.begin(), middle}), Codes({middle, all.end()}), out);
}

Bytes inflate(const Bytes& bytes) {
    Bits bits(bytes, 2); // after zlib's own two bytes
    Bytes out;
    for (bool last = false; !last;) {
        last = bits.take(1) == 1;
        const unsigned kind = bits.take(2);
        if (kind == 0) {
            bits.skip_to_byte();
            const unsigned length = bits.take(16);
            bits.take(16); // its complement
            for (unsigned index = 0; index < length; ++index)
                out.push_back(static_cast<std::uint8_t>(bits.take(8)));
        } else if (kind == 1) {
            std::vector<unsigned> lengths(288, 8);
            std::fill(lengths.begin() + 144, lengths.begin() + 256, 9);
            std::fill(lengths.begin() + 256, lengths.begin() + 280, 7);
            copy_block(bits, Codes(lengths), Codes(std::vector<unsigned>(30, 5)), out);
        } else if (kind == 2)
            coded_block(bits, out);
        else
            fail("has a block of no kind");
    }
    return out;
}

/// The one of left, above and the pixel between them that is nearest to what the three foretell.
int nearest(int left, int above, int between) {
    const int guess = left + above - between;
    const int to_left = std::abs(guess - left), to_above = std::abs(guess - above);
    const int to_between = std::abs(guess - between);
    if (to_left <= to_above && to_left <= to_between)
        return left;
    return to_above <= to_between ? above : between;
}

/// Takes back what was done to rows so that they compress.
void unfilter(Bytes& data, std::size_t row_bytes, std::size_t height, std::size_t step) {
    for (std::size_t y = 0; y < height; ++y) {
        const std::size_t row = y * (row_bytes + 1);
        const unsigned filter = data[row];
        for (std::size_t x = 0; x < row_bytes; ++x) {
            const std::size_t at = row + 1 + x;
            const int left = x >= step ? data[at - step] : 0;
            const int above = y > 0 ? data[at - row_bytes - 1] : 0;
            const int between = x >= step && y > 0 ? data[at - row_bytes - 1 - step] : 0;
            const int added = filter == 0   ? 0
                              : filter == 1 ? left
                              : filter == 2 ? above
                              : filter == 3 ? (left + above) / 2
                              : filter == 4 ? nearest(left, above, between)
                                            : throw std::runtime_error("PNG: has a row of no kind");
            data[at] = static_cast<std::uint8_t>(data[at] + added);
        }
    }
}

} // namespace

double Picture::brightness() const {
    double sum = 0;
    for (const Pixel& pixel : pixels)
        sum += (pixel[0] + pixel[1] + pixel[2]) / 3.0;
    return pixels.empty() ? 0 : sum / static_cast<double>(pixels.size());
}

std::size_t Picture::colours() const {
    return std::set<Pixel>(pixels.begin(), pixels.end()).size();
}

Picture read_png(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    const Bytes bytes((std::istreambuf_iterator<char>(stream)), {});
    const auto number = [&](std::size_t at) {
        if (at + 4 > bytes.size())
            fail("is cut");
        return std::size_t{bytes[at]} << 24 | std::size_t{bytes[at + 1]} << 16 |
               std::size_t{bytes[at + 2]} << 8 | bytes[at + 3];
    };
    if (bytes.size() < 33 || bytes[1] != 'P' || bytes[2] != 'N' || bytes[3] != 'G')
        fail("is none");
    Picture picture;
    picture.width = number(16);
    picture.height = number(20);
    const unsigned depth = bytes[24], kind = bytes[25], interlace = bytes[28];
    if (depth != 8 || (kind != 2 && kind != 6) || interlace != 0)
        fail("is of a kind that is not read here");
    const std::size_t step = kind == 6 ? 4 : 3;
    Bytes packed;
    for (std::size_t at = 8; at + 12 <= bytes.size();) {
        const std::size_t length = number(at);
        if (at + 12 + length > bytes.size())
            fail("is cut");
        if (std::string(bytes.begin() + static_cast<long>(at) + 4,
                        bytes.begin() + static_cast<long>(at) + 8) == "IDAT")
            packed.insert(packed.end(), bytes.begin() + static_cast<long>(at) + 8,
                          bytes.begin() + static_cast<long>(at + 8 + length));
        at += 12 + length;
    }
    Bytes data = inflate(packed);
    const std::size_t row_bytes = picture.width * step;
    if (data.size() != (row_bytes + 1) * picture.height)
        fail("has too few rows, or too many");
    unfilter(data, row_bytes, picture.height, step);
    for (std::size_t y = 0; y < picture.height; ++y)
        for (std::size_t x = 0; x < picture.width; ++x) {
            const std::size_t at = y * (row_bytes + 1) + 1 + x * step;
            picture.pixels.push_back({data[at], data[at + 1], data[at + 2]});
        }
    return picture;
}

} // namespace pkgjail::test
