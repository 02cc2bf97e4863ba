// A probe as a process of its own: it may hang in a connect or in a command of the jail's, and then it is
// killed.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/process.hpp"
#include "pkgjail/supervise/probe.hpp"

namespace pkgjail::supervise {

/// What to ask, and of whom.
struct ProbeTarget {
    const jail::Probe& probe;
    std::chrono::milliseconds timeout;
    confine::Driver& driver;
    const confine::JailSpec& spec;
    const base::HostPath& run_directory;
};

/// A running probe, leader of a process group. Whoever holds it waits for pid() and then calls finish(); the
/// destructor kills but does not wait.
class ProbeProcess {
  public:
    /// `in_child` runs first in the new process, to let go of what it must not keep. Throws Error{system}.
    ProbeProcess(const ProbeTarget& target, const std::function<void()>& in_child);
    ~ProbeProcess();
    ProbeProcess(const ProbeProcess&) = delete;
    ProbeProcess& operator=(const ProbeProcess&) = delete;

    pid_t pid() const { return pid_; }
    base::SteadyTime deadline() const { return deadline_; }
    bool timed_out() const { return timed_out_; }
    /// Descriptors to poll for reading; -1: at its end.
    int output_fd() const { return output_.get(); }
    int result_fd() const { return result_.get(); }
    /// Takes what is there; never blocks.
    void read() noexcept;
    /// Kills it and its helpers, because its time is over.
    void time_out() noexcept;
    /// Its result, after it was waited for.
    ProbeResult finish(const base::Exit& exit);

  private:
    [[noreturn]] void run(const ProbeTarget& target, const std::function<void()>& in_child) noexcept;

    bool is_paused() const noexcept;

    const confine::Driver& driver_;
    const std::string handle_;
    const base::HostPath run_directory_;
    bool was_paused_ = false; ///< when it began
    pid_t pid_ = -1;
    bool ended_ = false;
    bool timed_out_ = false;
    std::chrono::milliseconds timeout_;
    base::SteadyTime deadline_;
    base::Fd output_;    ///< what a command prints
    base::Fd result_;    ///< '1' or '0' and the detail
    std::string tail_;   ///< last of the output
    std::string answer_; ///< from result_
};

/// A command probe that was killed leaves its process in the jail behind, and the kernel gives it to us as
/// its new parent. Kills every process of the jail that is a child of ours and is not in `kept`.
void kill_adopted(confine::Driver& driver, const confine::JailSpec& spec, const base::HostPath& run_directory,
                  const std::vector<pid_t>& kept);

} // namespace pkgjail::supervise
