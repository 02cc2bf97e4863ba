// How a failure is told on standard error.
#pragma once

#include <string>
#include <string_view>

#include "pkgjail/base/error.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/terminal.hpp"

namespace pkgjail::cli {

/// error_text(), its lines folded for a terminal and further ones indented.
std::string failure_text(std::string_view verb, const base::Error& error, const Screen& screen);
/// On standard error.
void print_failure(std::string_view verb, const base::Error& error);
/// One among several results of a command, said as soon as it is known; with --json as well, where the
/// document comes at the end.
void print_failure(Environment& environment, const base::Error& error);

} // namespace pkgjail::cli
