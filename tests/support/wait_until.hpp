// Waiting for what another process does.
#pragma once

#include <chrono>
#include <functional>
#include <thread>

namespace pkgjail::test {

/// Whether it comes to be so within a time that no healthy machine needs.
inline bool wait_until(const std::function<bool()>& what,
                       std::chrono::seconds patience = std::chrono::seconds(30)) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!what()) {
        if (std::chrono::steady_clock::now() >= deadline)
            return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}

} // namespace pkgjail::test
