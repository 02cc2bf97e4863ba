// The same work on many things, shared between the processors.
#pragma once

#include <cstddef>
#include <functional>

namespace pkgjail::base {

/// Calls work(0) … work(count - 1), each once, from several threads. When one throws, no further one is
/// begun, those under way end, and the first exception goes on to the caller.
void in_parallel(std::size_t count, const std::function<void(std::size_t)>& work);

} // namespace pkgjail::base
