// Reading from this host what oci_spec has to know of it.
#pragma once

#include <vector>

#include "pkgjail/base/path.hpp"
#include "pkgjail/confine/cgroup.hpp"
#include "pkgjail/confine/oci_spec.hpp"

namespace pkgjail::confine {

/// `hide_processes` is left as it is: only trying shows whether it works (runtime_probe).
OciHost read_oci_host(const base::HostPath& state_directory, const std::vector<CgroupHierarchy>& hierarchies);

} // namespace pkgjail::confine
