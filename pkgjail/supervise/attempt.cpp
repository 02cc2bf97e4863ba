#include "pkgjail/supervise/attempt.hpp"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/fd.hpp"

namespace pkgjail::supervise {

namespace {

std::string error_text(int error_number) {
    std::string text = std::generic_category().message(error_number);
    if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z')
        text[0] = static_cast<char>(text[0] - 'A' + 'a');
    return text;
}

struct Address {
    sockaddr_storage storage{};
    socklen_t length = 0;
};

Address parse_numeric(const std::string& host, std::uint16_t port) {
    Address address;
    auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
    if (::inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        address.length = sizeof *v4;
    } else if (::inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        address.length = sizeof *v6;
    }
    return address;
}

bool same_host(const Address& address, const sockaddr* other) {
    if (other->sa_family != address.storage.ss_family)
        return false;
    if (other->sa_family == AF_INET)
        return std::memcmp(&reinterpret_cast<const sockaddr_in*>(other)->sin_addr,
                           &reinterpret_cast<const sockaddr_in*>(&address.storage)->sin_addr, sizeof(in_addr)) == 0;
    return std::memcmp(&reinterpret_cast<const sockaddr_in6*>(other)->sin6_addr,
                       &reinterpret_cast<const sockaddr_in6*>(&address.storage)->sin6_addr, sizeof(in6_addr)) == 0;
}

bool is_of_this_host(const Address& address) {
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

/// Connects with a deadline and lets go again.
ProbeResult connect_to(const sockaddr* address, socklen_t length, std::chrono::milliseconds timeout) {
    base::SteadyTime begun = base::steady_now();
    base::Fd fd(::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd)
        return {false, "socket: " + error_text(errno)};
    if (::connect(fd.get(), address, length) != 0) {
        // EAGAIN: a unix socket whose queue of waiting connections is full.
        if (errno != EINPROGRESS && errno != EINTR)
            return {false, error_text(errno)};
        for (;;) {
            auto left = std::chrono::ceil<std::chrono::milliseconds>(begun + timeout - base::steady_now());
            if (left.count() <= 0)
                return {false, "no answer within " + show_duration(timeout)};
            struct pollfd waiting {
                fd.get(), POLLOUT, 0
            };
            int count = ::poll(&waiting, 1, static_cast<int>(left.count()));
            if (count < 0 && errno != EINTR)
                return {false, "poll: " + error_text(errno)};
            if (count > 0)
                break;
        }
        int error = 0;
        socklen_t size = sizeof error;
        if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0)
            error = errno;
        if (error != 0)
            return {false, error_text(error)};
    }
    auto taken = std::chrono::duration_cast<std::chrono::milliseconds>(base::steady_now() - begun);
    return {true, "connected in " + show_duration(taken)};
}

} // namespace

std::string show_duration(std::chrono::milliseconds duration) {
    if (duration.count() >= 1000 && duration.count() % 1000 == 0)
        return std::to_string(duration.count() / 1000) + " s";
    return std::to_string(duration.count()) + " ms";
}

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
        if (text.starts_with(':'))
            port = text.substr(1);
        else if (!text.empty())
            port = text; // no number: refused below
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
    Address address = parse_numeric(std::string(host), result.port);
    if (address.length == 0)
        result.problem = shown + ": neither localhost nor a numeric address";
    else if (!is_of_this_host(address))
        result.problem = shown + ": not an address of this host";
    else
        result.hosts = {std::string(host)};
    return result;
}

ProbeResult ask_tcp(const std::string& target, std::chrono::milliseconds timeout) {
    LocalAddress where = local_address(target, 0);
    if (!where.problem.empty())
        return {false, where.problem};
    ProbeResult result;
    for (const std::string& host : where.hosts) {
        Address address = parse_numeric(host, where.port);
        ProbeResult one = connect_to(reinterpret_cast<const sockaddr*>(&address.storage), address.length, timeout);
        if (one.healthy)
            return one;
        if (result.detail.empty())
            result = one; // the first address's answer says most
    }
    return result;
}

ProbeResult ask_unix(const std::string& path, std::chrono::milliseconds timeout) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        return {false, path + ": longer than a socket's path may be"};
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return connect_to(reinterpret_cast<const sockaddr*>(&address), sizeof address, timeout);
}

} // namespace pkgjail::supervise
