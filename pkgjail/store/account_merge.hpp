// Merging passwd, group and their shadows three ways, entry by entry: text in, text out. Which files these
// are, and their owner and mode, is for merge.hpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pkgjail::store {

/// How the lines of an account file read. The key of each is its first field.
struct AccountFormat {
    std::size_t least_fields = 2;            ///< a line with fewer is malformed
    std::optional<std::size_t> number_field; ///< where the uid or gid stands
    /// In a line of exactly `list_count` fields more than `first_list`: fields from here on are lists of
    /// names with commas between them, merged name by name.
    std::optional<std::size_t> first_list;
    std::size_t list_count = 0;
};

/// Of "passwd", "group", "shadow", "gshadow", "master.passwd"; nullopt for every other name.
std::optional<AccountFormat> account_format(std::string_view file_name);

struct AccountMerge {
    std::string text;
    /// One for each entry where the operator's stands against the new version's: "svc: changed by you and by
    /// the new version". The names are such as the seeds have, never those of the operator's own entries.
    std::vector<std::string> conflicts;
};

/// `mine` with what the new version changed against the old one: entries added at the end, removed, replaced
/// where the operator has left them alone. Everything else of `mine` stays, in its order: changed entries,
/// comments, malformed lines; its last line gets a newline. Of several entries of one name the first counts,
/// as for libc; one that has others behind it is never taken away, because they would come to life. A new
/// entry, or a changed number, that would share its number with an entry of the operator's is left out and
/// listed: files of the one would become the other's. When `mine` is `old_text`, this is `new_text`.
AccountMerge merge_accounts(const AccountFormat& format, std::string_view old_text, std::string_view new_text,
                            std::string_view mine);

} // namespace pkgjail::store
