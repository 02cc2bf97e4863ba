// An image on disk against its manifest, and a jail's files against what every jail has: the comparison
// alone, without an opinion on what to do.
#pragma once

#include <string>
#include <vector>

#include "pkgjail/base/tree.hpp"
#include "pkgjail/jail/manifest.hpp"
#include "pkgjail/store/layout.hpp"
#include "pkgjail/store/root.hpp"

namespace pkgjail::store {

struct Damage {
    base::RootPath path; ///< of an image: as in the manifest; of a jail: below its directory
    std::string what;    ///< "is missing", "has mode 0755, recorded is 0644"
    bool operator==(const Damage&) const = default;
};

/// Every entry below tree/ and seed/: type, mode, owner, size, content, target of a link; what is missing;
/// what is there and not recorded. By path, of one path several where several things differ. Reads every
/// file that has the recorded size. A file that cannot be read is damage, not an error.
std::vector<Damage> compare_image(const base::Tree& image, const jail::Manifest& manifest);

/// Whether the directories that a jail's root is put together from are there and are directories: those of
/// the current generation's configuration, of data, and the mount points in root/.
std::vector<Damage> check_jail_skeleton(const Layout& layout, const std::string& jail_id,
                                        std::int64_t generation, const HostBase& base,
                                        const std::string& prefix,
                                        const std::vector<base::RootPath>& data_paths);

} // namespace pkgjail::store
