// Fingerprints for NetBSD's Veriexec, so that the kernel compares what jails run with what was installed.
#pragma once

#include <string>
#include <vector>

#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

struct Fingerprint {
    std::string path; ///< as the host sees it
    std::string sha256;
    bool executable = false;
    bool operator==(const Fingerprint&) const = default;
};

/// The regular files of the images that the named jails run, or all, by path: where they lie in the state
/// directory, and where a null mount shows them again below the root of a jail that runs, because to Veriexec
/// these are other files. Digests are the manifest's; the files are not looked at.
/// Error{not_found} for a name that is no jail's.
std::vector<Fingerprint> fingerprints(const Context& context, const std::vector<std::string>& jails);

/// A line of veriexec(5), with its end; empty for a path that its format has no way to write ("#", a
/// backslash, control characters).
std::string veriexec_line(const Fingerprint& fingerprint);

} // namespace pkgjail::ops
