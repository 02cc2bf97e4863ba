// Extended attributes of files and directories. File capabilities are among them, and on Linux access lists.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "pkgjail/base/fd.hpp"

namespace pkgjail::base {

using Attributes = std::map<std::string, std::string>; ///< "user.note" → bytes

/// What belongs to the file wherever it goes: all but labels of the host's own policy. Empty where the file
/// system has none. `shown` is for messages, here and below.
Attributes read_attributes(const Fd& file, std::string_view shown);

/// Comes after a change of owner, which clears some. Error{system} where the file system does not take it.
void write_attribute(const Fd& file, const std::string& name, std::string_view value, std::string_view shown);

} // namespace pkgjail::base
