// How the catalog keeps a short list in one column: a newline after each item. Patterns, names and library
// paths are lines of text files where they come from, so none can hold a newline.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/base/error.hpp"

namespace pkgjail::catalog {

inline std::string join_list(const std::vector<std::string>& items) {
    std::string text;
    for (const std::string& item : items) {
        if (item.find('\n') != std::string::npos)
            throw base::Error(base::ErrorKind::corrupt, item,
                              "has a newline in it, which no pattern may have");
        text += item;
        text += '\n';
    }
    return text;
}

inline std::vector<std::string> split_list(std::string_view text) {
    std::vector<std::string> items;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        items.emplace_back(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return items;
}

/// SQLite's integers are signed; nothing real is larger.
inline std::int64_t to_column(std::uint64_t value) {
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        throw base::Error(base::ErrorKind::corrupt, std::to_string(value), "too large a number to be a size");
    return static_cast<std::int64_t>(value);
}

} // namespace pkgjail::catalog
