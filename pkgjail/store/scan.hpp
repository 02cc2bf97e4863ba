// The finished, not yet sealed image, looked at entry by entry: the set-id and device policy applied to what
// scripts made, everything hashed into the manifest.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "pkgjail/base/tree.hpp"
#include "pkgjail/jail/config.hpp"
#include "pkgjail/jail/manifest.hpp"

namespace pkgjail::store {

struct ScanResult {
    jail::Manifest manifest;
    std::vector<std::string> setid;
    std::vector<std::string> warnings;
};

/// `staging` holds tree/ and seed/; `packages` says which package a manifest path came with. Devices, FIFOs
/// and sockets are Error{corrupt}. Set-id bits and file capabilities follow the policy. Files are hashed by
/// several threads.
ScanResult scan(const base::Tree& staging, const std::string& prefix, jail::SetidPolicy policy,
                const std::map<std::string, std::string>& packages);

} // namespace pkgjail::store
