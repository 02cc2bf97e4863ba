// The operator's policy on set-id files and file capabilities, wherever they come from: an archive's header
// or a package's script.
#pragma once

#include <map>
#include <string>

#include "pkgjail/jail/config.hpp"

namespace pkgjail::store {

struct SetidFile {
    std::string path;   ///< as seen in the root
    unsigned mode = 0;  ///< with its set-id bits
    std::string origin; ///< pkgname, or "a script"
    bool has_capabilities = false;
};

/// Every one that was found, by its path: "/usr/pkg/bin/x 4755 foo-1.0: stripped". Who finds it first tells
/// of it; with `keep` the scan meets again what the archive brought.
using SetidList = std::map<std::string, std::string>;

/// Whether the file may keep what it has; noted in `list` either way. Error{denied} under the policy
/// `refuse`.
bool keeps_setid(jail::SetidPolicy policy, const SetidFile& file, SetidList& list);

} // namespace pkgjail::store
