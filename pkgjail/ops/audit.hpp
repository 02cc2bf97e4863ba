// `pkgjail audit`: packages of jails against the list of known vulnerabilities.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/base/error.hpp"
#include "pkgjail/ops/vulnerable.hpp"

namespace pkgjail::ops {

/// A vulnerability of a package, and where a jail has it.
struct AuditFinding {
    std::string jail;
    KnownVulnerability known;
    std::optional<std::int64_t> current;   ///< the jail's current generation, if that has it
    std::vector<std::int64_t> generations; ///< newest first, which need not be the current one
    std::vector<std::string> snapshots;    ///< oldest first
};

struct AuditResult {
    catalog::VulnerabilityListState list;
    std::int64_t age_seconds = 0;
    bool too_old = false;
    std::vector<std::string> jails; ///< that were looked at
    std::size_t packages = 0;       ///< different pkgnames in them
    /// By jail, then package, then in the list's order; ignored ones too.
    std::vector<AuditFinding> findings;
    /// Whether one of the findings counts.
    bool found() const;
};

struct AuditRequest {
    std::vector<std::string> jails; ///< empty: all
    bool current_only = false;      ///< else all kept generations and snapshots as well
};

/// Only looks. Error{not_found} for a name that is no jail's, or when no list was ever fetched;
/// Error{configuration} when none is configured either.
AuditResult audit(const Context& context, const AuditRequest& request);

struct VulnerabilityUpdate {
    std::string url;
    bool changed = false;
    std::int64_t entries = 0;
    std::string signed_by; ///< empty: nobody's signature was asked for
};

/// A fresh list from the configured address. Error{trust} when it is older than the one that is here or its
/// signature or checksum is wrong: the old one stays. Error{configuration} when no address is configured. A
/// dry run asks nobody.
VulnerabilityUpdate fetch_vulnerabilities(const Context& context);

} // namespace pkgjail::ops
