// How much disk a jail takes, where only walking through its files tells: done now and then by a child, so
// that the supervisor answers meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/path.hpp"

namespace pkgjail::supervise {

class DiskWatch {
  public:
    /// Measuring begins so long after the one before has ended; many times longer where it takes long.
    static constexpr std::chrono::milliseconds pause{10'000};
    static constexpr int times_longer = 50;

    explicit DiskWatch(base::HostPath storage) : storage_(std::move(storage)) {}

    /// Begins when it is time and nothing is under way. `in_child` runs first in the new process, to let go
    /// of what it must not keep. Whoever reaps children reaps this one. Throws Error{system}.
    void begin_if_due(base::SteadyTime now, const std::function<void()>& in_child);
    /// To poll for reading; -1: nothing is under way.
    int fd() const { return result_.get(); }
    /// The result, once. Never blocks.
    std::optional<std::uint64_t> take(base::SteadyTime now) noexcept;

  private:
    base::HostPath storage_;
    base::Fd result_;
    base::SteadyTime begun_;
    std::optional<base::SteadyTime> next_;
};

} // namespace pkgjail::supervise
