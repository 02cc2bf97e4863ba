// Connecting with a deadline.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "pkgjail/base/fd.hpp"

namespace pkgjail::supervise {

/// A connection (non-blocking, close-on-exec), or why there is none.
struct Connection {
    base::Fd fd;
    std::string problem;
};
/// `host` is numeric.
Connection connect_tcp(const std::string& host, std::uint16_t port, std::chrono::milliseconds timeout);
Connection connect_unix(const std::string& path, std::chrono::milliseconds timeout);

} // namespace pkgjail::supervise
