// Hearing of the end of a process that need not be our child.
#pragma once

#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/process.hpp"

namespace pkgjail::base {

class ProcessWatch {
  public:
    explicit ProcessWatch(const ProcessId& process);
    const ProcessId& process() const { return process_; }
    /// Readable for poll(2) when the process has ended: a pidfd on Linux, a kqueue on NetBSD. -1 where the
    /// kernel has none: then is_over() is to be asked from time to time.
    int fd() const { return fd_.get(); }
    /// A process that nobody has waited for yet counts as over.
    bool is_over() const;

  private:
    ProcessId process_;
    Fd fd_;
};

} // namespace pkgjail::base
