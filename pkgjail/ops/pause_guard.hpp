// A process of its own that has a paused jail go on when this one ends before it could, by Ctrl-C or a kill.
#pragma once

#include <functional>

#include <sys/types.h>

#include "pkgjail/base/fd.hpp"

namespace pkgjail::ops {

/// Forks, so it is made while there are no other threads. The guard has this process's descriptors, its locks
/// among them: nobody else gets at the jail before it goes on.
class PauseGuard {
  public:
    /// `resume` runs in the guard, once this process is gone or the destructor is called without dismiss().
    /// Error{system} where no process can be made.
    explicit PauseGuard(const std::function<void()>& resume);
    PauseGuard(const PauseGuard&) = delete;
    PauseGuard& operator=(const PauseGuard&) = delete;
    ~PauseGuard();

    /// The jail goes on: there is nothing left to do for it.
    void dismiss() noexcept;

  private:
    base::Fd alive_; ///< the guard sees its end
    pid_t pid_ = -1;
};

} // namespace pkgjail::ops
