// passwd, group and shadow files inside a root, read and written as text. Never the host's.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/base/tree.hpp"
#include "pkgjail/confine/spec.hpp"
#include "pkgjail/format/install_script.hpp"

namespace pkgjail::store {

/// The numbers that names have on this host (catalog/accounts).
struct AccountNumbers {
    std::map<std::string, std::uint32_t> users;
    std::map<std::string, std::uint32_t> groups;
};

/// Number of an account that every root has (root, daemon, nobody; wheel and so on), whatever packages
/// declare.
std::optional<std::uint32_t> platform_account_number(bool is_group, const std::string& name);

/// Whether such an account has this number.
bool is_platform_number(bool is_group, std::uint32_t number);

/// Writes etc/passwd, group and shadow (on NetBSD master.passwd; see account_databases.hpp for what its
/// library reads) of a fresh seed: root, daemon, nobody and what the packages declare, with the given
/// numbers. A user's group needs no declaration of its own. A name without a number is Error{corrupt}.
void write_account_files(const base::Tree& config, const std::vector<format::DeclaredUser>& users,
                         const std::vector<format::DeclaredGroup>& groups, const AccountNumbers& numbers);

/// Names and numbers of etc/passwd (or etc/group), with the bounds and doubts of find_identity(). Rows with a
/// name that no package could have declared are left out.
std::map<std::string, std::uint32_t> account_numbers_in(const base::Tree& config, bool groups);

/// uid, gid and at most 64 supplementary groups of `user` (a name or a number), with `group` overriding the
/// primary one when not empty, from the root's own etc/passwd and etc/group, which whoever is root inside may
/// have changed: each is a plain file of at most 1 MiB, else Error{corrupt}. A number needs no entry; a name
/// without one is Error{configuration}.
confine::Identity find_identity(const base::Tree& config, const std::string& user, const std::string& group);

/// The names of a jail's users by their numbers, from the same file; of several names the first.
std::map<std::uint32_t, std::string> user_names(const base::Tree& config);

} // namespace pkgjail::store
