// A package's packing list, +CONTENTS.
//
// A line is a command ("@" and a word, recognised by its beginning and not by a blank after it) or a file's
// path relative to the prefix; blanks before a path belong to it, blanks behind do not. The first @cwd is the
// prefix, later ones mean nothing; @ignore takes the next line away; @mode, @owner, @group, @src, @dirrm,
// @option, @display do nothing at installation; a command that nobody knows is a warning. "@comment MD5:…"
// and "@comment Symlink:…" count only directly after their file.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pkgjail::format {

/// One file of the list, with what the line directly after it promises.
struct PlistFile {
    std::string path;                       ///< relative to the prefix, verbatim
    std::optional<std::string> md5;         ///< 32 lower-case hexadecimal digits, regular files
    std::optional<std::string> link_target; ///< symbolic links
};

/// @exec: runs during installation, after `after_files` files of the list have been put in place.
struct PlistCommand {
    std::string command; ///< for sh -c, with %D, %F, %B, %f already expanded and quoted
    std::size_t after_files = 0;
};

struct PlistDirectory {
    std::string path; ///< @pkgdir, relative to the prefix
};

struct Plist {
    std::string pkgname; ///< @name
    std::string prefix;  ///< first @cwd
    std::vector<PlistFile> files;
    std::vector<std::string> depends;        ///< @pkgdep
    std::vector<std::string> conflicts;      ///< @pkgcfl
    std::vector<std::string> build_depends;  ///< @blddep
    std::vector<PlistDirectory> directories; ///< @pkgdir
    std::vector<PlistCommand> exec;          ///< @exec
    std::vector<PlistCommand> unexec;        ///< @unexec
    std::vector<std::string> warnings; ///< unknown commands and the like, one line each, for the build log

    /// Throws Error{corrupt} with the line number: no @name or one that is no package name, two different
    /// @names, no @cwd, prefix not absolute, a malformed pattern or digest, a % token without a file before
    /// it, an expanded command of more than 4096 bytes, a file listed twice or used as a directory by another
    /// one, a path that leaves the prefix ("..", absolute, empty component) or holds control characters.
    static Plist parse(std::string_view text);
};

} // namespace pkgjail::format
