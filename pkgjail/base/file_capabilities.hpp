// Capabilities that a file gives to whoever runs it: what set-id bits are, in another place. Linux only;
// elsewhere no file has any.
#pragma once

#include <string_view>

#include "pkgjail/base/fd.hpp"

namespace pkgjail::base {

/// `shown_as` is for messages.
bool has_file_capabilities(const Fd& file, std::string_view shown_as);
/// None there is fine. Throws system_error.
void remove_file_capabilities(const Fd& file, std::string_view shown_as);

} // namespace pkgjail::base
