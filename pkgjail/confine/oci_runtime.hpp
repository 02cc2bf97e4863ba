// The host's OCI runtime as a program: calling it, and turning what it says when it fails into one short
// Error.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/path.hpp"
#include "pkgjail/base/process.hpp"
#include "pkgjail/confine/driver.hpp"
#include "pkgjail/confine/port_guard.hpp"

namespace pkgjail::confine {

class OciRuntime {
  public:
    /// `state_root` is where the runtime keeps what it knows of its jails (its --root).
    OciRuntime(base::HostPath program, base::HostPath state_root);

    const base::HostPath& program() const { return program_; }
    const base::HostPath& state_root() const { return state_root_; }
    std::string name() const { return program_.filename().string(); }
    /// "runc 1.1.5": its own word for it.
    std::string version() const;

    struct Outcome {
        base::Exit exit;
        std::string message; ///< its last error message, as it wrote it; empty: none
        bool timed_out = false;
    };
    /// Runs `runtime --root … --log … ARGUMENTS` to its end, with these descriptors 0-2 and nothing else
    /// open but what `entrance` has it keep. `scratch` is a directory for the log. Killed when `patience` (0:
    /// none) passes.
    Outcome call(const std::vector<std::string>& arguments, const base::HostPath& scratch,
                 const Streams& streams, std::chrono::milliseconds patience,
                 const Entrance& entrance = {}) const;

    /// Ends every process of this runtime's program that is making, starting or deleting `handle`. call() has
    /// the kernel do that for the client it started; some runtimes go on in a child of that client, which no
    /// control group holds yet. Clients of `exec` are left, they end with the jail. Throws Error{system} when
    /// one does not end within `patience`.
    void end_clients(const std::string& handle, std::chrono::milliseconds patience) const;

  private:
    std::vector<base::ProcessId> clients(const std::string& handle) const;

    base::HostPath program_;
    base::HostPath state_root_;
};

/// The last error in a JSON log of a runtime ("" when there is none).
std::string last_error_of_log(std::string_view log);
/// What a failed call means: a missing or unusable program or working directory of the jail is named as such,
/// everything else is the runtime's message without its preambles, at most 300 bytes.
base::Error explain_runtime_failure(const OciRuntime& runtime, std::string_view action,
                                    const OciRuntime::Outcome& outcome, const std::string& jail,
                                    const std::string& program, const std::string& working_directory);

/// What is known to be wrong with a runtime of this version, as OciRuntime::version() tells it; nothing where
/// it is no older than its repair. Distributions repair older ones, so this can only be a note.
std::optional<std::string> known_hole(std::string_view runtime_version);

} // namespace pkgjail::confine
