// The finished, not yet sealed image, looked at entry by entry: the policy applied to what scripts made,
// everything hashed into the manifest.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "pkgjail/base/tree.hpp"
#include "pkgjail/jail/config.hpp"
#include "pkgjail/jail/manifest.hpp"
#include "pkgjail/store/accounts.hpp"
#include "pkgjail/store/setid.hpp"

namespace pkgjail::store {

/// More than any honest image has; a script that makes more is stopped here, before hours of hashing.
struct ScanLimits {
    std::uint64_t max_entries = 4'000'000;
    std::uint64_t max_bytes = 256ull << 30; ///< sum of the files' apparent sizes
};

struct ScanRules {
    std::string prefix;
    jail::SetidPolicy policy = jail::SetidPolicy::strip;
    AccountNumbers accounts;
    ScanLimits limits;
    std::set<std::string> linked; ///< packages whose files are those of other images as well
};

struct ScanResult {
    jail::Manifest manifest;
    SetidList setid;
    std::vector<std::string> warnings;
};

/// `staging` holds tree/ and seed/, which nobody else can change any more; `packages` says which package a
/// manifest path came with. Error{corrupt} for what no image may hold: devices, FIFOs, sockets, files with a
/// hard link elsewhere (but for those of packages that are linked), names that no manifest can hold, more
/// than the limits. Set-id bits and file capabilities follow the policy.
///
/// `known` has the SHA-256 of files that nobody but us had a hand on since they were written, by manifest
/// path; they are not read again. All other files are.
ScanResult scan(const base::Tree& staging, const ScanRules& rules,
                const std::map<std::string, std::string>& packages,
                const std::map<std::string, std::string>& known = {});

} // namespace pkgjail::store
