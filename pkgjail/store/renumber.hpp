// Other numbers for the owners of files, where names have other numbers on this host than where the files
// come from: owners, access lists, and the lines of account files.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "pkgjail/base/tree.hpp"
#include "pkgjail/jail/manifest.hpp"

namespace pkgjail::store {

struct Renumbering {
    std::map<std::uint32_t, std::uint32_t> users; ///< number there → number here, only where they differ
    std::map<std::uint32_t, std::uint32_t> groups;
    bool changes_nothing() const { return users.empty() && groups.empty(); }
};

/// Of everything in the tree, its top included. Modes, times, capabilities stay. Error{conflict} when a
/// number that somebody gets here belongs to a file of somebody else: the two could not be told apart again.
void renumber(const base::Tree& tree, const Renumbering& renumbering);

/// etc/passwd, etc/group and etc/master.passwd below `config`. Error{conflict} as above, and for etc/pwd.db
/// where this host has no pwd_mkdb(8) to make it anew with.
void renumber_accounts(const base::Tree& config, const Renumbering& renumbering);
/// The text of one of them; `name` is "passwd", "group" or "master.passwd". Malformed lines stay as they are.
std::string renumbered_accounts(std::string_view name, std::string_view text, const Renumbering& renumbering);

/// Name → number of the entries of etc/passwd, or of etc/group, of a seed; the first of a name counts. What
/// every root has, by name or number, is left out. Error{corrupt} for a name that no package may declare, a
/// number that two names have, or more than 1000 entries.
std::map<std::string, std::uint32_t> seed_accounts(const base::Tree& seed_config, bool groups);

/// The manifest of an image's files when renumber() and renumber_accounts() have been through them.
jail::Manifest renumbered(const jail::Manifest& manifest, const base::Tree& image,
                          const Renumbering& renumbering);

} // namespace pkgjail::store
