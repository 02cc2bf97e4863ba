// Holding the processes of a jail to the TCP ports that it claims, by Landlock: the calls of pkgjail-enter
// (confine/enter.c), and what became of them.
//
// The first process inherits the rules from the runtime that makes it. A process that is added later cannot:
// a runtime with rules of its own may not look at the jail's processes, so there pkgjail-enter runs inside,
// as the last thing before the program.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/path.hpp"
#include "pkgjail/confine/driver.hpp"

namespace pkgjail::confine {

/// What this host has for it.
struct PortGuard {
    base::HostPath program; ///< pkgjail-enter; empty: ports are not held, and `missing` says why
    std::string missing;
    bool abstract_sockets = false; ///< those of the host can be kept away as well
    bool works() const { return !program.empty(); }
};
/// Asks the kernel and looks for the program; one system call. PKGJAIL_NO_LANDLOCK=1 in the environment is a
/// kernel without it, for tests.
PortGuard find_port_guard();

/// What find_helper() finds it by.
inline constexpr const char* enter_program = "pkgjail-enter";

/// What was done for one jail, kept beside its bundle for those who add processes and those who ask.
struct HeldPorts {
    bool held = false;
    std::string ports;                ///< for pkgjail-enter -b: "80,443,0"
    bool no_abstract_sockets = false; ///< only those that the jail's own processes made
    std::string why;                  ///< not held: the reason
};
/// What is to be done for a jail: nothing in network mode none, where no other host hears it.
HeldPorts ports_to_hold(const JailSpec& spec, const PortGuard& guard);
void write_held_ports(const base::HostPath& bundle, const HeldPorts& held);
/// nullopt: nobody wrote any.
std::optional<HeldPorts> read_held_ports(const base::HostPath& bundle);

/// A program that is run through pkgjail-enter: what stands before its argv, which descriptors it needs, and
/// what went wrong on the way to it.
class Entrance {
  public:
    /// Through no pkgjail-enter at all.
    Entrance() = default;
    /// On the host: the rules hold for `runtime` and for what comes of it.
    static Entrance around_runtime(const PortGuard& guard, const HeldPorts& held);
    /// Within the jail; `runtime` only carries program and report in, as its descriptors 3 and 4.
    static Entrance inside(const PortGuard& guard, const HeldPorts& held);

    /// For a jail whose first process stays when the command goes into the background (JailSpec::holds): both
    /// of the above in one. `program` is pkgjail-enter.
    static Entrance holding(const base::HostPath& program, const HeldPorts& held);

    const std::vector<std::string>& before() const { return before_; } ///< the runtime's argv
    const std::vector<int>& keep() const { return keep_; }
    std::vector<std::string> runtime_options() const; ///< of its `exec` or `create`
    /// The command as the runtime is to run it.
    std::vector<std::string> command(const std::vector<std::string>& wanted) const;
    /// In place of a command: tries to bind a port that is not held; exits 0 when that is refused.
    std::vector<std::string> trial() const;

    /// To be called when the runtime has ended, of a `create` whose command is inside only when that failed:
    /// then `of_runtime` is true, and the command's turn comes after `start`. Error{not_found} or {denied}
    /// for a program that the jail does not have or may not run, Error{system} for the rest.
    void check(const std::string& jail, const std::string& program, bool of_runtime = false);

  private:
    std::vector<std::string> before_;
    std::vector<int> keep_;
    std::vector<std::string> inside_; ///< before the command's own words; empty: nothing is inside
    base::Fd program_;
    base::Pipe report_;
};

} // namespace pkgjail::confine
