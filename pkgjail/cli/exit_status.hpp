// Exit statuses: the numbers that scripts rely on, one for each kind of Error. pkgjail(8) has the same table.
#pragma once

#include "pkgjail/base/error.hpp"

namespace pkgjail::cli {

inline constexpr int exit_done = 0;
inline constexpr int exit_finding = 2;
inline constexpr int exit_partial = 3;
inline constexpr int exit_usage = 64;

int exit_status(base::ErrorKind kind);
/// "not-found", "bad-data": the kind in JSON.
const char* kind_name(base::ErrorKind kind);

} // namespace pkgjail::cli
