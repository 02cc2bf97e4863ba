// How a failure is told on standard error.
#pragma once

#include <string_view>

#include "pkgjail/base/error.hpp"
#include "pkgjail/cli/command.hpp"

namespace pkgjail::cli {

/// One among several results of a command, said as soon as it is known; with --json as well, where the
/// document comes at the end.
void print_failure(Environment& environment, const base::Error& error);

} // namespace pkgjail::cli
