// Help texts, made from the table of commands.
#pragma once

#include <string>

#include "pkgjail/cli/command.hpp"

namespace pkgjail::cli {

/// Options that every command takes.
boost::program_options::options_description global_options();
/// `pkgjail --help`.
std::string overview();
/// `pkgjail COMMAND --help`.
std::string help_of(const Command& command);

} // namespace pkgjail::cli
