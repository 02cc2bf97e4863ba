// Dependency patterns as pkgsrc writes them: version range "foo>=1.2<2", glob "foo-[0-9]*", alternates
// "{a,b}>=1", plain base name "foo", full name "foo-1.0". The deciding order and every odd case are those of
// pkg_install.
//
// Two questions, and they are not the same:
// - matches(): would pkg_install say that this installed package satisfies the pattern? Plain names and globs
// match too
//   much there: "font-adobe" and "font-adobe-[0-9]*" match font-adobe-100dpi-1.0.3, because that goes on with
//   "-1".
// - selects(): may this package be chosen for the pattern? It must match, and be a package that the pattern
// names. Conflicts and vulnerabilities ask matches(); whoever picks a package for a dependency or for a
// user's word asks selects().
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/format/glob.hpp"
#include "pkgjail/format/version.hpp"

namespace pkgjail::format {

class Pattern {
  public:
    static constexpr std::size_t max_length = 4096;
    static constexpr std::size_t max_branches = 1024;
    static constexpr std::size_t max_expanded = std::size_t{64} * 1024;

    /// Throws Error{corrupt}, with the column, where braces do not balance; where expanding the alternates
    /// would give more than 1024 branches or 64 KiB; for more than 4096 bytes.
    static Pattern parse(std::string_view text);

    const std::string& text() const { return text_; }
    /// Whether `pkgname` (any bytes; need not be a valid Pkgname) satisfies the pattern.
    bool matches(std::string_view pkgname) const;
    /// Whether it matches, and its base (what stands before the last dash) is one of bases() if those are
    /// known.
    bool selects(std::string_view pkgname) const;
    /// The bases of all packages that selects() accepts, so that a caller need look at no others, each once,
    /// in the pattern's order: "foo>=1" and "foo-[0-9]*" give foo, "{a,b}-1.*" gives a and b, "foo-bar" gives
    /// foo-bar (any version) and foo (version "bar"). nullopt when only trying every name can tell ("*foo*",
    /// "fo?-[0-9]*", "foo-*").
    std::optional<std::vector<std::string>> bases() const;

    bool operator==(const Pattern& other) const { return text_ == other.text_; }

  private:
    enum class Form { range, glob, plain };
    enum class Relation { none, less, less_or_equal, greater, greater_or_equal };
    struct Bound {
        Relation relation = Relation::none;
        Version version;
        bool holds(const Version& candidate) const;
    };
    /// One alternate, ready to be tried.
    struct Branch {
        Form form = Form::plain;
        std::string text; ///< the base of a range, otherwise the whole branch
        Bound first;
        Bound second;
        std::vector<Glob> globs; ///< the branch itself, if it has wildcards, and with "-[0-9]*" appended
        bool matches(std::string_view pkgname) const;
        bool add_bases(std::vector<std::string>& bases) const;
    };
    static Branch make_branch(std::string_view text);
    static Branch make_range(std::string_view text, std::size_t operator_at);

    std::string text_;
    std::vector<Branch> branches_;
};

enum class Choice { neither, first, second };

/// What pkg_order decides between two candidates: the one that matches; of two that match the higher version;
/// of equal versions the bytewise smaller full name; of identical names the second.
Choice choose_better(const Pattern& pattern, std::string_view first, std::string_view second);

} // namespace pkgjail::format
