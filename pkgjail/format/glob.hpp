// Shell wildcards, matched bytewise and in the same way on every host and in every locale (the C library's
// fnmatch is neither).
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace pkgjail::format {

/// "*" any bytes, "?" one byte, "[a-z]" one byte of a set, "[!a-z]" and "[^a-z]" one not of it, "[[:digit:]]"
/// a class (ASCII), a backslash takes the next byte literally. "/" is not special; a leading period must be
/// matched by a literal one. A "[" that no "]" closes is an ordinary byte.
class Glob {
  public:
    using ByteSet = std::bitset<256>;
    enum class Kind : std::uint8_t { literal, any_one, any_many, set };
    struct Element {
        Kind kind = Kind::literal;
        char byte = '\0';      ///< of a literal
        std::uint32_t set = 0; ///< index in sets()
    };

    /// Every string is a glob.
    explicit Glob(std::string_view pattern);

    /// Takes at most (length of the pattern) times (length of the text) steps, whatever the pattern.
    bool matches(std::string_view text) const;

    const std::vector<Element>& elements() const { return elements_; }
    const std::vector<ByteSet>& sets() const { return sets_; }

  private:
    bool accepts(const Element& element, char byte) const;

    std::vector<Element> elements_;
    std::vector<ByteSet> sets_;
};

} // namespace pkgjail::format
