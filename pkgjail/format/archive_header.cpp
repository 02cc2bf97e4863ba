#include "pkgjail/format/archive_header.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace pkgjail::format {
namespace {

constexpr std::size_t block_size = 512;
constexpr std::size_t size_at = 124;
constexpr std::size_t size_width = 12;
constexpr std::size_t type_at = 156;

// An extension's length is small, so octal digits are all that it needs.
std::optional<std::uint64_t> octal(std::string_view field) {
    std::size_t i = field.find_first_not_of(' ');
    std::uint64_t value = 0;
    std::size_t digits = 0;
    for (; i < field.size() && field[i] >= '0' && field[i] <= '7'; ++i, ++digits)
        value = value * 8 + static_cast<std::uint64_t>(field[i] - '0');
    const bool ended = i >= field.size() || field[i] == ' ' || field[i] == '\0';
    if (digits == 0 || !ended)
        return std::nullopt;
    return value;
}

std::string take_record(std::string_view keyword, std::string_view value, ExtendedNames& names) {
    if (keyword.starts_with("GNU.sparse."))
        return "a sparse file";
    std::string* name = keyword == "path"       ? &names.path
                        : keyword == "linkpath" ? &names.link_target
                        : keyword == "uname"    ? &names.user
                        : keyword == "gname"    ? &names.group
                                                : nullptr;
    if (name == nullptr)
        return {};
    if (value.find('\0') != std::string_view::npos)
        return "a NUL byte in a name";
    *name = value;
    return {};
}

// Records "LENGTH KEYWORD=VALUE\n", where LENGTH counts the whole record.
std::string take_pax(std::string_view body, ExtendedNames& names) {
    constexpr const char* damaged = "a damaged extended header";
    while (!body.empty()) {
        std::size_t length = 0;
        std::size_t at = 0;
        for (; at < body.size() && body[at] >= '0' && body[at] <= '9' && length <= body.size(); ++at)
            length = length * 10 + static_cast<std::size_t>(body[at] - '0');
        if (at == 0 || at >= body.size() || body[at] != ' ' || length <= at + 1 || length > body.size() ||
            body[length - 1] != '\n')
            return damaged;
        const std::string_view record = body.substr(at + 1, length - at - 2);
        const std::size_t equals = record.find('=');
        if (equals == std::string_view::npos || equals == 0)
            return damaged;
        if (std::string fault = take_record(record.substr(0, equals), record.substr(equals + 1), names);
            !fault.empty())
            return fault;
        body.remove_prefix(length);
    }
    return {};
}

// A GNU long name ends in NUL bytes and has none before.
std::string take_long_name(std::string_view body, std::string& name) {
    const std::size_t end = std::min(body.find('\0'), body.size());
    if (body.find_first_not_of('\0', end) != std::string_view::npos)
        return "a NUL byte in a name";
    name = body.substr(0, end);
    return {};
}

std::string take_extension(char type, std::string_view body, ExtendedNames& names) {
    if (type == 'L')
        return take_long_name(body, names.path);
    if (type == 'K')
        return take_long_name(body, names.link_target);
    // A global header's names would be every member's; nobody writes that, and libarchive passes it over.
    ExtendedNames ignored;
    return take_pax(body, type == 'x' ? names : ignored);
}

} // namespace

std::string read_extended_names(std::string_view blocks, ExtendedNames& names) {
    while (blocks.size() >= block_size) {
        const char type = blocks[type_at];
        if (type == 'S')
            return "a sparse file";
        if (type != 'x' && type != 'g' && type != 'L' && type != 'K')
            return blocks.size() == block_size ? std::string() : "a header of an unknown form";
        const std::optional<std::uint64_t> size = octal(blocks.substr(size_at, size_width));
        blocks.remove_prefix(block_size);
        if (!size || *size > blocks.size())
            return "a damaged extended header";
        const std::string_view body = blocks.substr(0, static_cast<std::size_t>(*size));
        if (std::string fault = take_extension(type, body, names); !fault.empty())
            return fault;
        const std::size_t padded = (body.size() + block_size - 1) / block_size * block_size;
        if (padded > blocks.size())
            return "a damaged extended header";
        blocks.remove_prefix(padded);
    }
    return "a header that is cut short";
}

} // namespace pkgjail::format
