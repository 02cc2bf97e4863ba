// The raw blocks of one tar member's header, looked at once more after libarchive: what its strings would
// hide.
#pragma once

#include <string>
#include <string_view>

namespace pkgjail::format {

/// Checks extension headers (pax "x" and "g", GNU "L" and "K") and the member's own block, which must fill
/// `blocks` exactly. What is wrong, or empty: a NUL byte inside a name, a sparse file, a damaged extended
/// header, blocks of another kind.
std::string fault_of_tar_header(std::string_view blocks);

} // namespace pkgjail::format
