// On NetBSD names of accounts are looked up in databases that pwd_mkdb(8) makes of etc/master.passwd, and in
// nothing else: without etc/pwd.db and etc/spwd.db a root has no accounts.
#pragma once

#include <string>
#include <string_view>

#include "pkgjail/base/tree.hpp"

namespace pkgjail::store {

/// Whether this host's roots need them.
bool needs_account_databases();

/// In etc.
inline constexpr const char* account_databases[] = {"pwd.db", "spwd.db"};

/// The entries of a master.passwd that pwd_mkdb takes for what they are. One that it does not take would have
/// it refuse them all, and it is the host's program, to which nobody else's text belongs as it is.
std::string database_entries(std::string_view master_passwd);

/// Makes the databases anew from etc/master.passwd, which root inside may have made what it is. Where that is
/// no plain file, or larger than 4 MiB, nothing is done. The program runs in a directory of its own, never in
/// `config`. Throws Error{system} when it fails.
void make_account_databases(const base::Tree& config, const base::HostPath& program = "/usr/sbin/pwd_mkdb");

} // namespace pkgjail::store
