// Keeping a process that lives for months small. Does nothing where the C library has no such means.
#pragma once

namespace pkgjail::supervise {

/// Before anything is allocated: one heap for all threads, and large blocks given back as soon as they are
/// freed.
void prefer_small_memory() noexcept;
/// Gives free pages back; worth it after something that took much memory for a moment.
void return_free_memory() noexcept;

} // namespace pkgjail::supervise
