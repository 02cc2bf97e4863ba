// Words for sh.
#pragma once

#include <string>

namespace pkgjail::base {

/// In single quotes, so that the shell reads `text` back unchanged. It must not have a NUL byte.
std::string shell_word(const std::string& text);

} // namespace pkgjail::base
