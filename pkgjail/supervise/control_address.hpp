// The control socket's address, for both sides.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/path.hpp"

namespace pkgjail::supervise {

/// A socket's address holds about a hundred bytes. A longer path is reached through a descriptor of its
/// directory, which has to stay open as long as the address is used.
class ControlAddress {
  public:
    /// Error{not_found} when the directory is missing; Error{configuration} where the path is too long for
    /// this host.
    explicit ControlAddress(const base::HostPath& run_directory);
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address_); }
    socklen_t size() const { return sizeof address_; }

  private:
    base::Fd directory_;
    sockaddr_un address_{};
};

base::HostPath control_path(const base::HostPath& run_directory); ///< RUN/control

} // namespace pkgjail::supervise
