// POSIX extended regular expressions, over bytes. <regex> of the standard library is not used: it recurses
// for each character, and lines of a log are 64 KiB long.
#pragma once

#include <string>

#include <regex.h>

namespace pkgjail::base {

class RegularExpression {
  public:
    static constexpr std::size_t longest = 1000;
    /// Throws Error{usage} with `name` as object; the cause names the position (from 1, in bytes) where what
    /// could still be an expression ends.
    RegularExpression(const std::string& text, const std::string& name);
    RegularExpression(const RegularExpression&) = delete;
    RegularExpression& operator=(const RegularExpression&) = delete;
    ~RegularExpression();

    /// Whether it is found anywhere in `text`, up to the first NUL.
    bool matches(const std::string& text) const;

  private:
    ::regex_t compiled_{};
};

} // namespace pkgjail::base
