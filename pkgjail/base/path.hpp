// Two kinds of path that must never be mixed up: where something is on the host, and where it is as seen
// inside a jail's root. Mixing them is the classic fault of jail tools, so they are two types.
#pragma once

#include <compare>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace pkgjail::base {

/// A path on the host, trusted: from configuration, from the command line, or made by store/layout.
using HostPath = std::filesystem::path;

/// A path as seen inside a root: absolute, without ".", "..", empty components or NUL. It is a name only;
/// base::Tree turns it into a file, descriptor by descriptor. Bytes are kept as they are.
class RootPath {
  public:
    static constexpr std::size_t max_length = 4095;
    static constexpr std::size_t max_component = 255;

    RootPath() : text_("/") {}
    /// Takes "/a/b", and "a/b" as the same. Throws Error{corrupt} for everything that a hostile archive or
    /// recipe might try: "..", ".", empty or doubled components, a trailing slash (except "/"), NUL, newline
    /// and other control characters, too long.
    static RootPath parse(std::string_view text);

    /// "/usr/pkg/etc", or "/".
    const std::string& str() const { return text_; }
    /// Without the leading slash: "usr/pkg/etc"; empty for "/".
    std::string_view relative() const { return std::string_view(text_).substr(1); }
    bool is_root() const { return text_ == "/"; }
    std::vector<std::string> components() const;
    std::string name() const; ///< last component; empty for "/"
    RootPath parent() const;  ///< "/" for "/"
    /// This path with `below` (one or more components, checked like parse) appended.
    RootPath operator/(std::string_view below) const;
    /// This path with one name as a directory listing gave it. What is on disk may have any name, also one
    /// that parse() does not let in, with a newline for example; only "/", NUL, "." and ".." cannot be.
    RootPath entry(std::string_view name) const;
    /// Whether this is `ancestor` or lies below it.
    bool is_within(const RootPath& ancestor) const;
    /// This path as seen from `ancestor`: "/usr/pkg/etc/x" below "/usr/pkg" is "/etc/x". Requires is_within.
    RootPath below(const RootPath& ancestor) const;

    auto operator<=>(const RootPath&) const = default;

  private:
    explicit RootPath(std::string text, int) : text_(std::move(text)) {}
    std::string text_;
};

} // namespace pkgjail::base
