// The raw blocks of one tar member's header, looked at once more beside libarchive: names as the bytes they
// are (libarchive converts those of extended headers between character sets, and ends them at a NUL byte),
// and what no package may hold.
#pragma once

#include <string>
#include <string_view>

namespace pkgjail::format {

/// Names from extension headers (pax "x", GNU "L" and "K"), which stand instead of those in the member's own
/// block. Empty: none.
struct ExtendedNames {
    std::string path;
    std::string link_target;
    std::string user;
    std::string group;
};

/// Reads extension headers and the member's own block, which must fill `blocks` exactly. Returns what is
/// wrong, or empty: a NUL byte inside a name, a sparse file, a damaged extended header, blocks of another
/// kind.
std::string read_extended_names(std::string_view blocks, ExtendedNames& names);

} // namespace pkgjail::format
