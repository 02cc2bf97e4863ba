// Choosing the OCI runtime that works on this host, by trying: names and versions do not tell (crun refuses
// cgroup layouts that runc takes, and the other way round).
#pragma once

#include <memory>
#include <string>

#include "pkgjail/base/path.hpp"
#include "pkgjail/confine/driver.hpp"

namespace pkgjail::confine {

/// See open_driver. STATE/run/driver.json remembers the choice under the runtime's path, time and size, the
/// kernel's release and the boot.
std::unique_ptr<Driver> probe_oci_driver(const base::HostPath& state_directory,
                                         const std::string& configured_runtime);

class OciDriver;
/// Has a tiny jail learn with this driver. Throws what went wrong.
void try_learning(OciDriver& driver, const base::HostPath& state_directory, const base::HostPath& runtime);

} // namespace pkgjail::confine
