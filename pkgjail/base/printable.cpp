#include "pkgjail/base/printable.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <vector>

#include <fmt/format.h>

namespace pkgjail::base {

namespace {

struct Range {
    std::uint32_t first;
    std::uint32_t last;
};

template <std::size_t count>
bool is_in(const Range (&ranges)[count], std::uint32_t code) {
    auto found = std::lower_bound(std::begin(ranges), std::end(ranges), code,
                                  [](const Range& range, std::uint32_t value) { return range.last < value; });
    return found != std::end(ranges) && found->first <= code;
}

/// Characters that nobody sees but that change what is seen: C1 controls, bidirectional marks and overrides,
/// joiners, separators, fillers, tags, byte order marks and non-characters. Ordered.
constexpr Range hidden[] = {
    {0x0080, 0x009f}, {0x00ad, 0x00ad},   {0x034f, 0x034f},   {0x061c, 0x061c},   {0x115f, 0x1160},
    {0x17b4, 0x17b5}, {0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f},
    {0x3164, 0x3164}, {0xfdd0, 0xfdef},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff0, 0xfffb},
    {0xfffe, 0xffff}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

/// Marks that are drawn over the character before them. Ordered.
constexpr Range combining[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x05bf, 0x05bf}, {0x05c1, 0x05c2},
    {0x05c4, 0x05c5}, {0x0610, 0x061a}, {0x064b, 0x065f}, {0x0670, 0x0670}, {0x06d6, 0x06dc},
    {0x06df, 0x06e4}, {0x0730, 0x074a}, {0x0900, 0x0902}, {0x093a, 0x093a}, {0x093c, 0x093c},
    {0x0941, 0x0948}, {0x094d, 0x094d}, {0x0951, 0x0957}, {0x0e31, 0x0e31}, {0x0e34, 0x0e3a},
    {0x0e47, 0x0e4e}, {0x0eb1, 0x0eb1}, {0x0eb4, 0x0ebc}, {0x0ec8, 0x0ece}, {0x1ab0, 0x1aff},
    {0x1dc0, 0x1dff}, {0x20d0, 0x20f0}, {0x302a, 0x302d}, {0x3099, 0x309a}, {0xfe00, 0xfe0f},
    {0xfe20, 0xfe2f},
};

/// East Asian wide and full-width characters and pictures. Ordered.
constexpr Range wide[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x2329, 0x232a},   {0x23e9, 0x23ec},   {0x25fd, 0x25fe},
    {0x2614, 0x2615},   {0x2648, 0x2653},   {0x26a1, 0x26a1},   {0x26bd, 0x26be},   {0x2705, 0x2705},
    {0x270a, 0x270b},   {0x2728, 0x2728},   {0x274c, 0x274c},   {0x2753, 0x2755},   {0x2e80, 0x303e},
    {0x3041, 0x33ff},   {0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xa000, 0xa4cf},   {0xa960, 0xa97f},
    {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe10, 0xfe19},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},
    {0xffe0, 0xffe6},   {0x16fe0, 0x18cff}, {0x1b000, 0x1b2ff}, {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff},
    {0x1f900, 0x1faff}, {0x20000, 0x3fffd},
};

/// One character, or one byte that is no UTF-8.
struct Decoded {
    std::uint32_t code = 0;
    std::size_t length = 1;
    bool valid = false;
};

/// Strict: no overlong forms, no surrogates, nothing above U+10FFFF.
Decoded decode(std::string_view text) {
    auto byte = [&](std::size_t at) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(text[at]));
    };
    std::uint32_t lead = byte(0);
    if (lead < 0x80)
        return {lead, 1, true};
    std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < length)
        return {lead, 1, false};
    std::uint32_t code = lead & (0x7fu >> length);
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0u) != 0x80u)
            return {lead, 1, false};
        code = (code << 6) | (byte(i) & 0x3fu);
    }
    constexpr std::uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return {lead, 1, false};
    return {code, length, true};
}

/// How many bytes from the beginning are letters, figures and signs of ASCII, which are most of all texts.
std::size_t plain_length(std::string_view text) {
    const auto end = std::find_if(text.begin(), text.end(), [](char c) { return c < 0x20 || c > 0x7e; });
    return static_cast<std::size_t>(end - text.begin());
}

} // namespace

std::string printable(std::string_view text, bool keep_newlines) {
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        if (const std::size_t plain = plain_length(text); plain > 0) {
            result += text.substr(0, plain);
            text.remove_prefix(plain);
            continue;
        }
        Decoded next = decode(text);
        bool kept_control = keep_newlines && (next.code == '\n' || next.code == '\t');
        if (!next.valid || (next.code < 0x20 && !kept_control) || next.code == 0x7f)
            result += fmt::format("\\x{:02x}", next.code);
        else if (is_in(hidden, next.code) || (next.code & 0xfffeu) == 0xfffeu)
            result += fmt::format("\\u{{{:04x}}}", next.code);
        else
            result += text.substr(0, next.length);
        text.remove_prefix(next.length);
    }
    return result;
}

std::size_t display_width(std::string_view utf8) {
    std::size_t columns = 0;
    while (!utf8.empty()) {
        if (const std::size_t plain = plain_length(utf8); plain > 0) {
            columns += plain;
            utf8.remove_prefix(plain);
            continue;
        }
        Decoded next = decode(utf8);
        bool takes_none = next.valid && (next.code < 0x20 || next.code == 0x7f ||
                                         is_in(combining, next.code) || is_in(hidden, next.code));
        if (!takes_none)
            columns += next.valid && is_in(wide, next.code) ? 2 : 1;
        utf8.remove_prefix(next.length);
    }
    return columns;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    // Three rows of the usual table: a swap of neighbours looks two rows back.
    std::vector<std::size_t> before(b.size() + 1), previous(b.size() + 1), row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j)
        row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        before.swap(previous);
        previous.swap(row);
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            std::size_t change = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({previous[j] + 1, row[j - 1] + 1, change});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], before[j - 2] + 1);
        }
    }
    return row[b.size()];
}

} // namespace pkgjail::base
