// The manifest of an image: every file in it, as text with one line an entry. Its SHA-256 is the image's id.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/base/path.hpp"

namespace pkgjail::jail {

enum class EntryType : char { file = 'f', directory = 'd', symlink = 'l' };

/// One entry. Paths begin with "/tree" (what is mounted at the prefix), "/seed/config" or "/seed/data".
struct ManifestEntry {
    base::RootPath path;
    EntryType type = EntryType::file;
    unsigned mode = 0; ///< permission and set-id bits; 0777 for links
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint64_t size = 0; ///< of a file; the target's length for a link; 0 for a directory
    std::string sha256;     ///< of a file's content or a link's target; empty for a directory
    std::string link_target;
    std::string package; ///< pkgname that put it there; empty: made by scripts or by pkgjail
    bool operator==(const ManifestEntry&) const = default;
};

struct Manifest {
    std::vector<ManifestEntry> entries; ///< sorted by path
    std::string id() const;             ///< SHA-256 of text()
    /// "pkgjail manifest 1\n", then "TYPE MODE UID GID SIZE SHA256 PACKAGE PATH[ -> TARGET]\n"; blanks,
    /// backslashes, control and non-ASCII bytes of names as \xNN.
    std::string text() const;
    /// Throws Error{corrupt} with the line.
    static Manifest parse(std::string_view text);
    std::uint64_t total_bytes() const;
};

} // namespace pkgjail::jail
