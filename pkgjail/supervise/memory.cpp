#include "pkgjail/supervise/memory.hpp"

#include <cstdlib> // for __GLIBC__
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace pkgjail::supervise {

void prefer_small_memory() noexcept {
#ifdef __GLIBC__
    ::mallopt(M_ARENA_MAX, 1);
    // Setting it also keeps it from growing with the blocks that are freed.
    ::mallopt(M_MMAP_THRESHOLD, 64 << 10);
    ::mallopt(M_TRIM_THRESHOLD, 64 << 10);
#endif
}

void return_free_memory() noexcept {
#ifdef __GLIBC__
    ::malloc_trim(0);
#endif
}

} // namespace pkgjail::supervise
