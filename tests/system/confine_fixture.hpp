// A jail on the host's own base directories, made by hand: for tests of the real driver. Needs root and an
// OCI runtime; where none works a test says so and ends, or fails when PKGJAIL_REQUIRE_SYSTEM=1 is set (CI
// sets it).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/base/process.hpp"
#include "pkgjail/confine/driver.hpp"
#include "support/temp_dir.hpp"

namespace pkgjail::test {

/// The driver of this host, opened once; nullptr where none works (the reason is printed as a warning of the
/// running test).
confine::Driver* system_driver();
/// Its state directory.
base::HostPath system_state();

/// One jail with a skeleton of its own: the host's base read-only, an /etc of its own, a writable /data and
/// /tmp, this test program as /test.
class HostJail {
  public:
    explicit HostJail(const std::string& name = "walls");
    HostJail(const HostJail&) = delete;
    HostJail& operator=(const HostJail&) = delete;
    ~HostJail();

    /// Runs the command as the jail's first process to its end and clears the jail away.
    struct Result {
        base::Exit exit;
        std::string out; ///< standard output and error
    };
    Result run(std::vector<std::string> command);
    Result run_shell(const std::string& script) { return run({"/bin/sh", "-c", script}); }
    /// Runs one of the hidden cases of confine_inside.cpp; returns the lines it printed with '@' in front,
    /// without the '@'.
    std::string run_inside(const std::string& tag);

    /// create() and start(); output goes nowhere.
    base::ProcessId launch(std::vector<std::string> command);
    /// create() by a process of its own that is killed at this step.
    void create_killed_at(const char* step);
    base::Exit wait(const base::ProcessId& first);
    base::HostPath data() const { return dir_ / "data"; }
    base::HostPath run_directory() const { return dir_ / "run"; }
    const base::HostPath& directory() const { return dir_.path(); }

    confine::JailSpec spec;

  private:
    TempDir dir_;
};

/// Everything in the kernel and in the state directory that has to do with this jail: control groups,
/// processes in them or below its directories, mounts, files of the runtime; a line each, empty when there is
/// nothing.
std::string traces_of(const HostJail& jail);

} // namespace pkgjail::test
