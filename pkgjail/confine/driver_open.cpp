// Which driver this host has. Nothing else stands in this file: a test of whole operations on another host
// than the one it runs on is linked with an open_driver() of its own in the place of this one.
#include "pkgjail/confine/driver.hpp"

#ifdef __linux__
#include "pkgjail/confine/runtime_probe.hpp"
#else
#include "pkgjail/confine/driver_kmod.hpp"
#endif

namespace pkgjail::confine {

#ifdef __linux__

std::unique_ptr<Driver> open_driver(const base::HostPath& state_directory,
                                    const std::string& configured_runtime) {
    return probe_oci_driver(state_directory, configured_runtime);
}

#else

std::unique_ptr<Driver> open_driver(const base::HostPath& state_directory, const std::string&) {
    return open_kmod_driver(state_directory); // `runtime` names an OCI runtime, of which there is none
}

#endif

} // namespace pkgjail::confine
