// `pkgjail du`: how much disk jails take, and what they share with each other.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

/// All in bytes.
struct Size {
    std::uint64_t apparent = 0;  ///< sum of the files' sizes, a file counted for each name
    std::uint64_t disk = 0;      ///< what du(1) counts: blocks, each file once
    std::uint64_t exclusive = 0; ///< of that, what nothing else has: would be free without it
    /// Part of `exclusive` whose blocks a copy may have as well (reflinks), where the file system tells; so
    /// `exclusive` is an upper bound by this much.
    std::uint64_t maybe_shared = 0;
};

struct ImageShare {
    std::string image_id;
    Size size;                      ///< `exclusive`: in no other image's files
    std::vector<std::string> jails; ///< that refer to it, by name
    /// Jails whose images have files of it by hard links, by name, without the above.
    std::vector<std::string> linked_jails;
};

struct JailUsage {
    std::string jail;
    Size images; ///< of all its generations and snapshots; `exclusive`: no other jail needs the files
    Size config; ///< of all generations
    Size data;
    Size snapshots; ///< frozen configuration and data
    Size total;     ///< with jail.json and mount points; `exclusive`: free after destroy --with-data
    std::vector<ImageShare> shares;       ///< the current generation's image first
    std::vector<std::string> shared_with; ///< jails with a file of an image in common, by name
};

struct VolumeUsage {
    std::string volume;
    Size size;
    std::vector<std::string> jails; ///< that have it, by name
};

struct DuResult {
    std::vector<JailUsage> jails;
    std::vector<VolumeUsage> volumes; ///< those of these jails; of all: every one
    Size images;                      ///< all images, files that several have once
    Size cache;
    Size rest;  ///< catalog, logs, run directories, locks
    Size total; ///< the whole state directory
};

/// Of these jails (empty: of all) and of the state directory. Reads only; what changes meanwhile is counted
/// as it was met. Error{not_found} for a jail that there is not.
DuResult du(const Context& context, const std::vector<std::string>& jails);

} // namespace pkgjail::ops
