// Asking a service whether it is there: http, tcp, a unix socket, or a command inside the jail.
#pragma once

#include <chrono>
#include <string>

#include "pkgjail/confine/driver.hpp"
#include "pkgjail/jail/recipe.hpp"

namespace pkgjail::supervise {

struct ProbeResult {
    bool healthy = false;
    std::string
        detail; ///< "200 OK in 2 ms"; "connection refused"; "no answer within 2 s"; "exit status 1: …"
    /// False: it failed while the jail was paused, which says nothing of the service.
    bool counts = true;
};

/// One attempt, blocking up to `timeout` (never longer). Redirects are not followed; 2xx and 3xx are healthy.
/// Only addresses of this host are asked. Runs in a process of its own when the supervisor asks (see
/// supervisor.cpp), so that it cannot hold up the loop.
ProbeResult run_probe(const jail::Probe& probe, std::chrono::milliseconds timeout, confine::Driver& driver,
                      const confine::JailSpec& spec, const base::HostPath& run_directory);

} // namespace pkgjail::supervise
