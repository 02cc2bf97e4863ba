#include "pkgjail/confine/driver.hpp"

#ifdef __linux__
#include <cerrno>

#include <sys/prctl.h>
#endif

#include "pkgjail/base/error.hpp"

namespace pkgjail::confine {

void Driver::enter_network(const JailSpec&, const base::HostPath&) const {} // it is the host's

void Driver::set_limits(const JailSpec& spec, const base::HostPath&) {
    throw base::Error(base::ErrorKind::denied, spec.jail,
                      "its limits cannot be changed while it runs, with driver " + info().name,
                      "stop it first; the limits hold from its next start");
}

void Driver::put_secrets(const JailSpec& spec, const base::HostPath&) {
    throw base::Error(base::ErrorKind::configuration, spec.jail,
                      "has secrets, which driver " + info().name + " cannot put into it");
}

PortsReading Driver::read_ports(const std::string&, const base::HostPath&) const {
    const std::string why = "driver " + info().name + " holds no jail to its ports";
    return {jail::Enforcement::advisory, why, jail::Enforcement::advisory, why};
}

base::ProcessId Driver::spawn(const JailSpec& spec, const base::HostPath&, const ExecRequest&,
                              const Streams&) {
    throw base::Error(base::ErrorKind::configuration, spec.jail,
                      "has several services, which " + info().name + " cannot run in one jail");
}

#ifdef __linux__

void become_reaper() {
    if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
        throw base::system_error(errno, "process", "prctl PR_SET_CHILD_SUBREAPER");
}

#else

void become_reaper() {} // the module's jails are children of the process that starts them

#endif

} // namespace pkgjail::confine
