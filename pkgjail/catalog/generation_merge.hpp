// What a generation's merge of the configuration came to, as rows that hang on the generation's.
#pragma once

#include <string>

#include "pkgjail/catalog/jails.hpp"

namespace pkgjail::catalog {

/// Part of the caller's transaction; the generation's own row is there already.
void insert_merge(Database& database, const std::string& jail_id, const Generation& generation);
/// Fills in `merge` and `conflicts`.
void read_merge(Database& database, const std::string& jail_id, Generation& generation);

} // namespace pkgjail::catalog
