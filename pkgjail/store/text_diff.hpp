// The difference of two texts, line by line, in the unified format that diff(1) and patch(1) know: text in,
// text out. Whether something is text at all is for the caller to ask first.
#pragma once

#include <string>
#include <string_view>

namespace pkgjail::store {

/// Bytes without a NUL. Encodings with NULs in them are no text here.
bool is_text(std::string_view bytes);

/// "--- OLD_NAME\n+++ NEW_NAME\n" and hunks with three lines of context; empty where the texts are equal. A
/// last line without a newline is marked as diff(1) does. The shortest difference, unless the texts have
/// little in common (more than about two thousand changed lines): then what differs is shown as one change.
/// Bytes are kept as they are; whoever prints them escapes them.
std::string unified_diff(std::string_view old_name, std::string_view old_text, std::string_view new_name,
                         std::string_view new_text);

} // namespace pkgjail::store
