// How differences between files are shown: shared by config and diff.
#pragma once

#include <string>

#include "pkgjail/cli/command.hpp"
#include "pkgjail/store/tree_diff.hpp"

namespace pkgjail::cli {

/// "M /etc/motd  mode: 0644, now 0600; content". Foreign text escaped.
std::string difference_text(const store::Difference& difference);
/// {"path", "change": "changed", "what": […]}
Json difference_json(const store::Difference& difference);
/// "added", "removed", "changed".
const char* change_name(store::Change change);

} // namespace pkgjail::cli
