// pkgsrc version comparison (pkg_install's "dewey" order).
//
// A version is a list of integers and a revision. Scanned left to right, letters in any case: digits give
// their value; "alpha" -3, "beta" -2, "pre" and "rc" -1, "pl", "." and "_" 0; "nb" and digits set the
// revision; any other letter gives 0 and then its place in the alphabet; everything else gives nothing. Lists
// are compared position by position, the shorter padded with 0; only if they are equal the revision decides.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pkgjail::format {

/// A version, taken apart. Numbers are 64 bits wide (pkg_install's are 32 and wrap; real versions are time
/// stamps of 14 digits) and stop growing at the largest value instead of wrapping.
class Version {
  public:
    /// Never fails: every string is a version.
    static Version parse(std::string_view text);

    const std::string& text() const { return text_; }
    const std::vector<std::int64_t>& numbers() const { return numbers_; }
    std::int64_t revision() const { return revision_; }

    /// pkgsrc's order. "1.0" and "1" are equivalent and not the same text.
    std::weak_ordering operator<=>(const Version& other) const;
    bool operator==(const Version& other) const { return (*this <=> other) == 0; }

  private:
    std::string text_;
    std::vector<std::int64_t> numbers_;
    std::int64_t revision_ = 0;
};

std::weak_ordering compare_versions(std::string_view a, std::string_view b);

} // namespace pkgjail::format
