#include "pkgjail/format/text_lines.hpp"

#include <algorithm>

namespace pkgjail::format {
namespace {

constexpr std::string_view white_space = " \t\n\v\f\r";

} // namespace

bool TextLines::next(std::string_view& line) {
    if (rest_.empty())
        return false;
    const std::size_t end = rest_.find('\n');
    line = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    ++number_;
    return true;
}

std::string_view trim_left(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(white_space);
    return begin == std::string_view::npos ? std::string_view() : text.substr(begin);
}

std::string_view trim_right(std::string_view text) {
    const std::size_t end = text.find_last_not_of(white_space);
    return end == std::string_view::npos ? std::string_view() : text.substr(0, end + 1);
}

bool has_control_characters(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char byte) {
        const auto value = static_cast<unsigned char>(byte);
        return value < 0x20 || value == 0x7f;
    });
}

} // namespace pkgjail::format
