// Names of the states, and the judgement between what a state file says and what the kernel shows.
#include "pkgjail/supervise/service_state.hpp"

#include "pkgjail/supervise/state_file.hpp"

namespace pkgjail::supervise {

std::string_view state_name(ServiceState state) {
    switch (state) {
    case ServiceState::stopped:
        return "stopped";
    case ServiceState::starting:
        return "starting";
    case ServiceState::ready:
        return "ready";
    case ServiceState::unhealthy:
        return "unhealthy";
    case ServiceState::backoff:
        return "backoff";
    case ServiceState::stopping:
        return "stopping";
    case ServiceState::failed:
        return "failed";
    case ServiceState::unsupervised:
        return "unsupervised";
    }
    return "unknown";
}

ServiceStatus judge(ServiceStatus recorded, const KernelView& kernel) {
    ServiceStatus status = std::move(recorded);
    auto becomes = [&](ServiceState state, std::string reason) {
        status.state = state;
        status.reason = std::move(reason);
        if (state == ServiceState::stopped || state == ServiceState::failed) {
            status.service.reset();
            status.followed.reset();
        }
        if (!kernel.lock_held || !kernel.supervisor_alive) {
            status.supervisor.reset();
            status.further.clear(); // nobody has looked at them since
        }
        return status;
    };

    if (!kernel.file_readable) {
        std::string what = kernel.damage.empty() ? "" : "its state file is damaged (" + kernel.damage + ")";
        if (kernel.lock_held)
            return becomes(ServiceState::starting, what.empty() ? "its supervisor is starting" : what);
        return becomes(ServiceState::stopped, what.empty() ? "never started" : what);
    }

    bool supervised = kernel.same_boot && kernel.lock_held && kernel.supervisor_alive;
    // Both are written when the jail is gone from the kernel, so they stay true whatever becomes of the
    // supervisor.
    if (status.state == ServiceState::stopped || status.state == ServiceState::failed) {
        if (kernel.lock_held && !supervised)
            return becomes(ServiceState::starting, "its supervisor is starting");
        return becomes(status.state, std::move(status.reason));
    }
    std::string was(state_name(status.state));
    if (!kernel.same_boot)
        return becomes(ServiceState::stopped, "the host restarted while it was " + was);
    if (!supervised) {
        if (kernel.lock_held)
            return becomes(ServiceState::starting, "a new supervisor is starting");
        if (kernel.is_copied)
            return becomes(ServiceState::stopped,
                           "it was " + was + " in the state directory that this one is a copy of");
        if (kernel.service_alive)
            return becomes(ServiceState::unsupervised, "its supervisor was killed while it was " + was);
        return becomes(ServiceState::stopped, "its supervisor was killed while it was " + was);
    }
    bool should_run = status.state == ServiceState::ready || status.state == ServiceState::unhealthy;
    if (should_run && status.service && !kernel.service_alive)
        return becomes(ServiceState::unhealthy, "its process is gone and the supervisor has not noticed yet");
    return status;
}

} // namespace pkgjail::supervise
