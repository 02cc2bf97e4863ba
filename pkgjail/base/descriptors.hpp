// All descriptors of this process at once, for a child between fork and exec, or one that never calls exec.
#pragma once

namespace pkgjail::base {

/// Closes those with numbers from `first` to `last`, both included; safe after fork in a program with
/// threads.
void close_between(unsigned first, unsigned last) noexcept;
/// Closes all, 0-2 as well, but this one (-1: none). A forked child that only waits must not hold on to
/// anything: whatever it has of its parent's (locks, ends of pipes) would outlive the parent with it.
void close_all_but(int kept) noexcept;

} // namespace pkgjail::base
