// Locks between pkgjail processes: a held descriptor on a file, so a lock dies with its holder and none is stale.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/path.hpp"

namespace pkgjail::base {

enum class LockMode { shared, exclusive };

class Lock {
  public:
    /// Waits up to `patience` (0: do not wait), then throws Error{busy} that names `object` and, for an exclusive holder, who
    /// holds it ("held by process 123: upgrade nginx"). `purpose` is what we write there for others to read.
    static Lock take(const HostPath& file, LockMode mode, std::string_view object, std::string_view purpose,
                     std::chrono::milliseconds patience);
    /// nullopt at once when somebody else holds it.
    static std::optional<Lock> try_take(const HostPath& file, LockMode mode, std::string_view purpose);

    /// Exclusive to shared.
    void downgrade();

  private:
    explicit Lock(Fd fd) : fd_(std::move(fd)) {}
    Fd fd_;
};

} // namespace pkgjail::base
