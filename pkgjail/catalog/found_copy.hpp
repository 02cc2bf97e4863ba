// A catalog as it was found, copied for whoever saves what can be saved of it: SQLite changes the -shm of a
// file that it only reads, makes one where there is none, and an older schema is migrated where it lies.
#pragma once

#include <cstdint>

#include "pkgjail/catalog/sqlite.hpp"

namespace pkgjail::catalog {

/// Copies `file` and what SQLite needs of what lies beside it to `copy`, of which nothing is there yet. Says
/// how many bytes a failing disk did not give; they are zeroes in the copy. Error{not_found} where there is
/// no `file`, Error{corrupt} where it is none, Error{busy} while another program writes to it. What another
/// one wrote while it was copied is copied again.
std::uint64_t copy_as_found(const base::HostPath& file, const base::HostPath& copy,
                            std::chrono::milliseconds patience = default_patience);

} // namespace pkgjail::catalog
