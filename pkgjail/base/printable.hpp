// Foreign text made safe to look at: archives, package descriptions, log lines and file names may hold escape
// sequences, bidirectional overrides and bytes that are no text at all.
#pragma once

#include <string>
#include <string_view>

namespace pkgjail::base {

/// Valid UTF-8 stays; control characters (C0 but, with `keep_newlines`, not "\n" and "\t"; DEL; C1),
/// bidirectional and other invisible format characters, and bytes that are no UTF-8 become \xNN or \u{NNNN}.
/// Never longer than 8 times the input.
std::string printable(std::string_view text, bool keep_newlines = false);

/// How many terminal columns it takes (wide characters count two, combining ones none).
std::size_t display_width(std::string_view utf8);

/// Edit distance, for "did you mean": insertions, deletions, substitutions, swaps of neighbours.
std::size_t edit_distance(std::string_view a, std::string_view b);

} // namespace pkgjail::base
