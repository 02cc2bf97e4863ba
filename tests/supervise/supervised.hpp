// A supervisor in a process of its own over a driver without a kernel, for one test case.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "lasting_driver.hpp"
#include "pkgjail/supervise/service_log.hpp"
#include "pkgjail/supervise/service_state.hpp"
#include "pkgjail/supervise/supervisor.hpp"
#include "support/temp_dir.hpp"
#include "support/wait_until.hpp"

namespace pkgjail::test {

/// Deadlines are generous: a loaded machine must not make a test fail.
constexpr std::chrono::milliseconds patience{30'000};

class Supervised {
  public:
    /// The service runs `script` with /bin/sh; no probe, fast restarts, a budget of 2.
    explicit Supervised(const std::string& script);
    /// Ends what is left.
    ~Supervised();

    supervise::SupervisedService service;
    /// Called in the supervisor's process before it begins.
    std::function<void(LastingDriver& driver)> prepare;

    const base::HostPath& run() const { return run_; }
    base::HostPath file(const std::string& name) const { return dir_ / name; }
    void write_service();
    /// Forks the supervisor; returns at once.
    void begin();
    /// Forks it, and waits until it is settled.
    supervise::ServiceStatus settle();
    supervise::ServiceStatus status() const;
    /// Waits until the status says so, or patience is over; returns the status then.
    supervise::ServiceStatus wait_for(const std::function<bool(const supervise::ServiceStatus&)>& what) const;
    supervise::ServiceStatus wait_for(supervise::ServiceState state) const;
    pid_t supervisor() const { return supervisor_; }
    void kill_supervisor();
    /// Waits for its end; its exit status, or minus the signal.
    int supervisor_exit();
    bool stop();
    /// "out: one\nerr: two\n", of the streams out and err.
    std::string output() const;
    /// The supervisor's own words.
    std::string notes() const;
    /// Waits until the file has `text` in it.
    bool wait_for_text(const std::string& name, const std::string& text) const;

  private:
    TempDir dir_;
    base::HostPath run_;
    pid_t supervisor_ = -1;
    LastingDriver driver_; // of the test's own process, for stop()
};

std::string show(const supervise::ServiceStatus& status); ///< "failed: exit status 1"

} // namespace pkgjail::test
