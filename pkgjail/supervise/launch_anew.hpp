// Launching where another supervisor may be on its way in or out: a command that died has launched it, or its
// service has failed and it is about to end.
#pragma once

#include <chrono>

#include "pkgjail/supervise/supervisor.hpp"

namespace pkgjail::supervise {

/// launch() for a caller that holds the jail's lock and has seen or made sure that nothing runs. A supervisor
/// that is there all the same has nothing that anybody waits for: it is ended, also when it comes in between.
/// Error{conflict} when it has not gone after `patience`.
void launch_anew(const base::HostPath& program, const base::HostPath& run_directory,
                 const SupervisedService& service, std::chrono::milliseconds patience);

} // namespace pkgjail::supervise
