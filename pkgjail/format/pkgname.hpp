// A package's full name: pkgname = pkgbase-pkgversion. The version is what follows the last "-".
#pragma once

#include <compare>
#include <string>
#include <string_view>

namespace pkgjail::format {

class Pkgname {
  public:
    static constexpr std::size_t max_length = 200;

    /// Throws Error{corrupt} for what no package may be called: no "-" or nothing on either side of the last
    /// one, "/" or blanks or control characters anywhere, a leading "." or "-" or "+", more than 200 bytes.
    /// Bytes above 127 are taken as they are; cli makes them fit to print.
    static Pkgname parse(std::string_view text);
    static bool is_valid(std::string_view text);

    const std::string& str() const { return text_; }
    std::string_view base() const { return std::string_view(text_).substr(0, dash_); }
    std::string_view version() const { return std::string_view(text_).substr(dash_ + 1); }

    auto operator<=>(const Pkgname& other) const { return text_ <=> other.text_; }
    bool operator==(const Pkgname& other) const { return text_ == other.text_; }

  private:
    std::string text_;
    std::size_t dash_ = 0;
};

} // namespace pkgjail::format
