// The bytes of a file that an operator wrote, before anything is read in them.
#pragma once

#include <optional>
#include <string>

#include "pkgjail/base/path.hpp"

namespace pkgjail::jail {

/// nullopt: there is none. Error{configuration} for more than 1 MiB and for what is no regular file.
std::optional<std::string> read_configuration(const base::HostPath& file);

} // namespace pkgjail::jail
