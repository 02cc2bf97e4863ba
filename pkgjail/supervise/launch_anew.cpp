#include "pkgjail/supervise/launch_anew.hpp"

#include <thread>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/supervise/state_file.hpp"

namespace pkgjail::supervise {

void launch_anew(const base::HostPath& program, const base::HostPath& run_directory,
                 const SupervisedService& service, std::chrono::milliseconds patience) {
    const base::SteadyTime deadline = base::steady_now() + patience;
    for (bool again = true;;) {
        try {
            return launch(program, run_directory, service);
        } catch (const base::Error& error) {
            if (error.kind() != base::ErrorKind::conflict || !again || base::steady_now() >= deadline)
                throw;
            // One that has gone meanwhile is in nobody's way; what is a conflict then, of addresses for
            // example, is another one.
            again = supervisor_lock_is_held(run_directory);
        }
        // One that holds its lock and does not listen yet is asked again.
        if (!stop(run_directory))
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

} // namespace pkgjail::supervise
