// `pkgjail volume`: directories that outlive jails and can be mounted into several.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pkgjail/catalog/volumes.hpp"
#include "pkgjail/ops/session.hpp"

namespace pkgjail::ops {

struct VolumeView {
    catalog::Volume volume;
    std::vector<catalog::VolumeUser> users;
    base::HostPath path; ///< of its files
    std::uint64_t disk_bytes = 0;
};

/// Empty `names`: all. Error{not_found} for a name that is none.
std::vector<VolumeView> volumes(const Context& context, const std::vector<std::string>& names);
/// On disk and in the catalog. Error{conflict} when there is one of this name.
catalog::Volume make_volume(Session& session, const std::string& name);
VolumeView create_volume(const Context& context, const std::string& name);
/// Asks first. Error{conflict} while a jail has it.
void destroy_volume(const Context& context, const std::string& name);

} // namespace pkgjail::ops
