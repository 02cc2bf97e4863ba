// Which addresses a probe may ask.
#include "pkgjail/supervise/attempt.hpp"

#include <charconv>
#include <cstring>

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "pkgjail/supervise/socket_address.hpp"

namespace pkgjail::supervise {

namespace {

bool same_host(const SocketAddress& address, const sockaddr* other) {
    if (other->sa_family != address.storage.ss_family)
        return false;
    if (other->sa_family == AF_INET)
        return std::memcmp(&reinterpret_cast<const sockaddr_in*>(other)->sin_addr,
                           &reinterpret_cast<const sockaddr_in*>(&address.storage)->sin_addr,
                           sizeof(in_addr)) == 0;
    return std::memcmp(&reinterpret_cast<const sockaddr_in6*>(other)->sin6_addr,
                       &reinterpret_cast<const sockaddr_in6*>(&address.storage)->sin6_addr,
                       sizeof(in6_addr)) == 0;
}

bool is_of_this_host(const SocketAddress& address) {
    if (address.storage.ss_family == AF_INET) {
        const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address.storage);
        if (ntohl(v4->sin_addr.s_addr) >> 24 == 127)
            return true;
    } else if (IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(&address.storage)->sin6_addr)) {
        return true;
    }
    struct ifaddrs* interfaces = nullptr;
    if (::getifaddrs(&interfaces) != 0)
        return false;
    bool found = false;
    for (const struct ifaddrs* one = interfaces; one != nullptr && !found; one = one->ifa_next)
        found = one->ifa_addr != nullptr &&
                (one->ifa_addr->sa_family == AF_INET || one->ifa_addr->sa_family == AF_INET6) &&
                same_host(address, one->ifa_addr);
    ::freeifaddrs(interfaces);
    return found;
}

} // namespace

LocalAddress local_address(std::string_view text, std::uint16_t default_port) {
    LocalAddress result;
    std::string shown(text);
    std::string_view host = text, port;
    if (text.starts_with('[')) {
        std::size_t close = text.find(']');
        if (close == text.npos) {
            result.problem = shown + ": the bracket is not closed";
            return result;
        }
        host = text.substr(1, close - 1);
        text.remove_prefix(close + 1);
        if (text.starts_with(':')) {
            port = text.substr(1);
        } else if (!text.empty()) {
            result.problem = shown + ": has no port from 1 to 65535 after its bracket";
            return result;
        }
    } else if (std::size_t colon = text.rfind(':'); colon != text.npos) {
        host = text.substr(0, colon);
        port = text.substr(colon + 1);
    }
    result.port = default_port;
    if (!port.empty() || default_port == 0) {
        auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), result.port);
        if (error != std::errc() || end != port.data() + port.size() || result.port == 0) {
            result.problem = shown + ": has no port from 1 to 65535";
            return result;
        }
    }
    if (host == "localhost") {
        result.hosts = {"127.0.0.1", "::1"};
        return result;
    }
    SocketAddress address = numeric_address(std::string(host), result.port);
    if (address.length == 0)
        result.problem = shown + ": neither localhost nor a numeric address";
    else if (!is_of_this_host(address))
        result.problem = shown + ": not an address of this host";
    else
        result.hosts = {std::string(host)};
    return result;
}

} // namespace pkgjail::supervise
