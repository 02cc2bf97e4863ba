// Signals as something to poll: a handler that writes into a pipe of ours (works on every kernel that we run
// on).
#pragma once

#include "pkgjail/base/fd.hpp"

namespace pkgjail::supervise {

class SignalPipe {
  public:
    /// Takes over SIGCHLD, SIGTERM and SIGINT, makes SIGHUP and SIGPIPE harmless, and unblocks all. Handlers,
    /// not SIG_IGN: what is ignored stays ignored through exec, and the service would inherit it. One a
    /// process.
    SignalPipe();
    SignalPipe(const SignalPipe&) = delete;
    SignalPipe& operator=(const SignalPipe&) = delete;
    ~SignalPipe();

    int fd() const { return read_end_.get(); }
    /// Empties the pipe; returns the SIGTERM or SIGINT that came, or 0. Children are to be looked for after
    /// every call.
    int take() noexcept;

  private:
    base::Fd read_end_;
    base::Fd write_end_;
};

} // namespace pkgjail::supervise
