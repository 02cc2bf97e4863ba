#include "pkgjail/base/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace pkgjail::base {

void in_parallel(std::size_t count, const std::function<void(std::size_t)>& work) {
    std::atomic<std::size_t> next{0};
    std::exception_ptr failure;
    std::mutex lock;
    const auto share = [&] {
        for (std::size_t i = next++; i < count; i = next++) {
            try {
                work(i);
            } catch (...) {
                const std::lock_guard guard(lock);
                if (!failure) // the first one is the cause; others may be its consequence
                    failure = std::current_exception();
                next = count;
            }
        }
    };
    const std::size_t wanted =
        std::min<std::size_t>(count, std::clamp(std::thread::hardware_concurrency(), 1u, 8u));
    std::vector<std::thread> threads;
    try {
        while (threads.size() + 1 < wanted)
            threads.emplace_back(share);
    } catch (const std::system_error&) {
        // A limit on threads: those that there are, and this one, do it all.
    }
    share();
    for (std::thread& thread : threads)
        thread.join();
    if (failure)
        std::rethrow_exception(failure);
}

} // namespace pkgjail::base
