#include "pkgjail/confine/driver.hpp"

#include <algorithm>
#include <csignal>

#ifdef __linux__
#include <cerrno>

#include <sys/prctl.h>
#endif

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/process_facts.hpp"
#include "pkgjail/confine/hold.h"

namespace pkgjail::confine {

void Driver::enter_network(const JailSpec&, const base::HostPath&) const {} // it is the host's

void Driver::check_learning() {
    throw base::Error(
        base::ErrorKind::configuration, "--learn",
        "driver " + info().name + " cannot tell what a profile would deny",
        "it needs Linux and an OCI runtime that hands on notifications of seccomp; a jail starts "
        "without --learn");
}

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

std::optional<base::ProcessId> Driver::process_inside(const std::string& handle,
                                                      const base::HostPath& run_directory,
                                                      pid_t inner_pid) const {
    const auto is_member = [&](pid_t pid) {
        const auto members = processes(handle, run_directory);
        return std::find(members.begin(), members.end(), pid) != members.end();
    };
    for (const pid_t pid : processes(handle, run_directory)) {
        const auto facts = base::describe_process(pid);
        if (!facts || facts->inner_pid != inner_pid)
            continue;
        const auto process = base::identify_process(pid);
        // Looked at again: the number may have become somebody else's before the process was identified.
        const auto again = base::describe_process(pid);
        if (process && again && again->inner_pid == inner_pid && is_member(pid))
            return process;
    }
    return std::nullopt;
}

base::Tree Driver::open_root(const std::string& handle, const base::HostPath&) const {
    throw base::Error(base::ErrorKind::configuration, handle,
                      "driver " + info().name + " cannot look at files as a jail sees them");
}

bool Driver::tell_service(const base::ProcessId& first, pid_t inner_pid) const {
    if (!base::is_alive(first))
        return false;
    union sigval value {};
    value.sival_int = static_cast<int>(inner_pid);
    return ::sigqueue(first.pid, HOLD_SIGNAL, value) == 0;
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
