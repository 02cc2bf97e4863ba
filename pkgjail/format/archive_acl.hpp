// Access lists: Linux keeps them in extended attributes, in a binary form; tar archives hold them as text
// that other programs read, which libarchive writes and reads.
#pragma once

#include <string>
#include <string_view>

#include "pkgjail/format/archive_member.hpp"

struct archive_entry;

namespace pkgjail::format {

/// Whether the attribute is an access list of Linux.
bool is_access_list(std::string_view attribute);

/// Puts the list into the entry. False when its value is malformed, or of a form that we do not know.
bool add_access_list(struct archive_entry* entry, std::string_view attribute, std::string_view value);

/// Adds the entry's access lists to the member's attributes, and their mask to its mode, as the kernel shows
/// it. Returns what is wrong with them; empty: nothing.
std::string take_access_lists(struct archive_entry* entry, TreeMember& member);

} // namespace pkgjail::format
