// `pkgjail verify`: whether the files on disk are what the catalog says of them. Only looks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

struct VerifyFinding {
    std::string image;              ///< id; empty: about the jail's own files
    std::vector<std::string> jails; ///< that have the image in a kept generation; or the one jail
    std::string path;               ///< as a jail sees it; of pkgjail's own files: the host's path
    std::string what;               ///< "has mode 0755, recorded is 0644"
};

struct VerifyResult {
    std::vector<std::string> jails; ///< that were looked at
    std::size_t images = 0;
    std::uint64_t files = 0; ///< entries of their manifests
    std::vector<VerifyFinding> findings;
};

/// The named jails with the images of all their generations; without names every jail and every image of the
/// catalog. Error{not_found} for a name that is no jail's.
VerifyResult verify(const Context& context, const std::vector<std::string>& jails);

} // namespace pkgjail::ops
