// The rows of what is mounted into a jail; for jails.cpp.
#pragma once

#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/catalog/sqlite.hpp"

namespace pkgjail::catalog {

void read_mounts(Database& database, Jail& jail);
/// Error{not_found} for a volume that the catalog does not have.
void insert_mounts(Database& database, const Jail& jail);
void delete_mounts(Database& database, const std::string& jail_id);

} // namespace pkgjail::catalog
