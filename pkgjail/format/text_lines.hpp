// Line by line through a text, with the numbers that error messages give.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace pkgjail::format {

class TextLines {
  public:
    explicit TextLines(std::string_view text) : rest_(text) {}
    /// False at the end. The last line need not end in a newline.
    bool next(std::string_view& line);
    std::size_t number() const { return number_; } ///< of the present line, from 1

  private:
    std::string_view rest_;
    std::size_t number_ = 0;
};

/// Blanks, tabs and the other white space of the C locale.
std::string_view trim_left(std::string_view text);
std::string_view trim_right(std::string_view text);
/// Whether any byte is below 0x20 or 0x7f.
bool has_control_characters(std::string_view text);

} // namespace pkgjail::format
