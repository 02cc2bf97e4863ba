// Numeric internet addresses as the kernel wants them.
#pragma once

#include <cstdint>
#include <string>

#include <sys/socket.h>

namespace pkgjail::supervise {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = 0; ///< 0: not an address
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};
/// "127.0.0.1", "::1" (no brackets).
SocketAddress numeric_address(const std::string& host, std::uint16_t port);

} // namespace pkgjail::supervise
