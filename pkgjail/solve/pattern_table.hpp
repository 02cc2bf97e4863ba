// Patterns, each parsed once: an index names the same few thousand again and again.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pkgjail/format/pattern.hpp"

namespace pkgjail::solve {

/// A pattern as a package or the operator wrote it. What is no pattern selects and matches nothing.
class KnownPattern {
  public:
    explicit KnownPattern(const std::string& text);

    const std::string& text() const { return text_; }
    /// Why it is no pattern; empty for one that is.
    const std::string& fault() const { return fault_; }
    bool selects(std::string_view pkgname) const;
    bool matches(std::string_view pkgname) const;
    /// As format::Pattern::bases(); none of what is no pattern.
    const std::optional<std::vector<std::string>>& bases() const { return bases_; }
    /// What every name begins with that it matches: all before the first special character.
    std::string_view beginning() const { return std::string_view(text_).substr(0, beginning_); }

  private:
    std::string text_;
    std::string fault_;
    std::size_t beginning_; ///< length
    std::optional<format::Pattern> pattern_;
    std::optional<std::vector<std::string>> bases_;
};

class PatternTable {
  public:
    /// Stays where it is as long as the table.
    const KnownPattern& get(const std::string& text);

  private:
    std::unordered_map<std::string, KnownPattern> patterns_;
};

/// What precedes the last "-"; the whole name where there is none.
inline std::string_view base_of(std::string_view pkgname) {
    return pkgname.substr(0, pkgname.rfind('-'));
}
inline std::string_view version_of(std::string_view pkgname) {
    const std::size_t dash = pkgname.rfind('-');
    return dash == std::string_view::npos ? std::string_view() : pkgname.substr(dash + 1);
}

} // namespace pkgjail::solve
