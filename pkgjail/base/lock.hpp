// Locks between pkgjail processes: a held descriptor on a file, so a lock dies with its holder and none is
// stale.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/path.hpp"

namespace pkgjail::base {

enum class LockMode { shared, exclusive };

/// The file itself stays for ever; whoever removes it while holding the lock exclusively is understood too:
/// the next taker makes a new one. Linux: open-file-description locks, NetBSD: flock; both belong to the open
/// file, so a second Lock in the same process competes like any other.
class Lock {
  public:
    /// Waits up to `patience` (0: do not wait), then throws Error{busy} that names `object` and, for an
    /// exclusive holder, who holds it ("held by process 123: upgrade nginx"). `purpose` is what we write
    /// there for others to read.
    static Lock take(const HostPath& file, LockMode mode, std::string_view object, std::string_view purpose,
                     std::chrono::milliseconds patience);
    /// nullopt at once when somebody else holds it.
    static std::optional<Lock> try_take(const HostPath& file, LockMode mode, std::string_view purpose);

    Lock(Lock&&) noexcept = default;
    Lock& operator=(Lock&& other) noexcept;
    ~Lock();

    /// Exclusive to shared, without a moment in between in which somebody else could take it.
    void downgrade();

  private:
    explicit Lock(Fd fd, LockMode mode) : fd_(std::move(fd)), mode_(mode) {}
    void erase_purpose() noexcept;
    Fd fd_;
    LockMode mode_;
};

} // namespace pkgjail::base
