#include "pkgjail/supervise/attempt_connect.hpp"

#include <cerrno>
#include <cstring>
#include <system_error>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/supervise/attempt.hpp"
#include "pkgjail/supervise/socket_address.hpp"

namespace pkgjail::supervise {

namespace {

std::string error_text(int error_number) {
    std::string text = std::generic_category().message(error_number);
    if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z')
        text[0] = static_cast<char>(text[0] - 'A' + 'a');
    return text;
}

Connection connect_to(const sockaddr* address, socklen_t length, std::chrono::milliseconds timeout) {
    base::SteadyTime deadline = base::steady_now() + timeout;
    base::Fd fd(::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd)
        return {{}, "socket: " + error_text(errno)};
    if (::connect(fd.get(), address, length) == 0)
        return {std::move(fd), {}};
    // EAGAIN, of a unix socket: its queue of waiting connections is full.
    if (errno != EINPROGRESS && errno != EINTR)
        return {{}, error_text(errno)};
    for (;;) {
        auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - base::steady_now());
        if (left.count() <= 0)
            return {{}, "no answer within " + show_duration(timeout)};
        struct pollfd waiting {
            fd.get(), POLLOUT, 0
        };
        int count = ::poll(&waiting, 1, static_cast<int>(left.count()));
        if (count < 0 && errno != EINTR)
            return {{}, "poll: " + error_text(errno)};
        if (count > 0)
            break;
    }
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        error = errno;
    if (error != 0)
        return {{}, error_text(error)};
    return {std::move(fd), {}};
}

} // namespace

SocketAddress numeric_address(const std::string& host, std::uint16_t port) {
    SocketAddress address;
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

Connection connect_tcp(const std::string& host, std::uint16_t port, std::chrono::milliseconds timeout) {
    SocketAddress address = numeric_address(host, port);
    if (address.length == 0)
        return {{}, host + ": not a numeric address"};
    return connect_to(address.get(), address.length, timeout);
}

Connection connect_unix(const std::string& path, std::chrono::milliseconds timeout) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        return {{}, path + ": longer than a socket's path may be"};
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return connect_to(reinterpret_cast<const sockaddr*>(&address), sizeof address, timeout);
}

} // namespace pkgjail::supervise
