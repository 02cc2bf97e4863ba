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

/// Writes etc/passwd, group, shadow (on NetBSD master.passwd and its databases are the script's business) of
/// a fresh seed: root, daemon, nobody and what the packages declare, with the given numbers. A user without a
/// number is Error{corrupt}.
void write_account_files(const base::Tree& config, const std::vector<format::DeclaredUser>& users,
                         const std::vector<format::DeclaredGroup>& groups, const AccountNumbers& numbers);

/// uid, gid and supplementary groups of `user` (a name or a number), with `group` overriding the primary one
/// when not empty, from the root's own etc/passwd and etc/group. Error{configuration} naming the jail's file
/// when there is no such user or group.
confine::Identity find_identity(const base::Tree& config, const std::string& user, const std::string& group);

} // namespace pkgjail::store
