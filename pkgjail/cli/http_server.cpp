#include "pkgjail/cli/http_server.hpp"

#include <algorithm>
#include <cerrno>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/jail/address.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;
using std::chrono::milliseconds;

namespace {

const char* reason_of(int status) {
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 408:
        return "Request Timeout";
    case 421:
        return "Misdirected Request";
    case 431:
        return "Request Header Fields Too Large";
    case 503:
        return "Service Unavailable";
    default:
        return "Internal Server Error";
    }
}

std::string response(const HttpAnswer& answer, bool head_only) {
    return fmt::format("HTTP/1.1 {} {}\r\n"
                       "Content-Type: {}\r\n"
                       "Content-Length: {}\r\n"
                       "Connection: close\r\n"
                       "Cache-Control: no-store\r\n"
                       "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n"
                       "X-Content-Type-Options: nosniff\r\n"
                       "Referrer-Policy: no-referrer\r\n"
                       "{}\r\n",
                       answer.status, reason_of(answer.status), answer.content_type, answer.body.size(),
                       answer.status == 405 ? "Allow: GET, HEAD\r\n" : "") +
           (head_only ? "" : answer.body);
}

void set_flags(const base::Fd& fd) {
    const int flags = ::fcntl(fd.get(), F_GETFL);
    if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0 ||
        ::fcntl(fd.get(), F_SETFD, FD_CLOEXEC) != 0)
        throw base::system_error(errno, "socket", "fcntl");
}

struct SocketName {
    sockaddr_storage storage{};
    socklen_t size = 0;
    sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

SocketName socket_name(const std::string& address, std::uint16_t port) {
    SocketName name;
    auto* v4 = reinterpret_cast<sockaddr_in*>(&name.storage);
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&name.storage);
    if (::inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        name.size = sizeof *v4;
    } else if (::inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        name.size = sizeof *v6;
    } else {
        throw Error(ErrorKind::usage, address, "is no numeric address");
    }
    return name;
}

std::uint16_t port_of(const base::Fd& fd) {
    SocketName name;
    name.size = sizeof name.storage;
    if (::getsockname(fd.get(), name.get(), &name.size) != 0)
        throw base::system_error(errno, "socket", "getsockname");
    return ntohs(name.storage.ss_family == AF_INET6
                     ? reinterpret_cast<sockaddr_in6*>(&name.storage)->sin6_port
                     : reinterpret_cast<sockaddr_in*>(&name.storage)->sin_port);
}

std::string lower(std::string text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c - 'A' + 'a');
    return text;
}

/// The value of the first field of this name (in lower case); empty: none.
std::string field(const std::string& head, const std::string& name) {
    for (std::size_t at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at + 2)) {
        const std::string line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
        const std::size_t colon = line.find(':');
        if (colon == line.npos || lower(line.substr(0, colon)) != name)
            continue;
        const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
        return begin == line.npos ? "" : line.substr(begin, line.find_last_not_of(" \t") - begin + 1);
    }
    return "";
}

/// An address or localhost, with or without a port; or nothing, as programs send that speak HTTP/1.0.
bool names_this_host(const std::string& host) {
    return host.empty() || jail::parse_endpoint(lower(host), 80).has_value();
}

} // namespace

HttpServer::HttpServer(const std::string& address, std::uint16_t port, bool local_names_only, Answer answer)
    : answer_(std::move(answer)), local_names_only_(local_names_only) {
    SocketName name = socket_name(address, port);
    const bool v6 = name.storage.ss_family == AF_INET6;
    const std::string shown = v6 ? "[" + address + "]" : address;
    const std::string object = fmt::format("{}:{}", shown, port);
    listener_ = base::Fd(::socket(name.storage.ss_family, SOCK_STREAM, 0));
    if (!listener_)
        throw base::system_error(errno, object, "socket");
    set_flags(listener_);
    const int on = 1;
    // For connections of one's own past only: a port that somebody listens on stays taken.
    ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (v6)
        ::setsockopt(listener_.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (::bind(listener_.get(), name.get(), name.size) != 0 || ::listen(listener_.get(), 64) != 0) {
        if (errno == EADDRINUSE)
            throw Error(ErrorKind::conflict, object, "is in use by another program",
                        "choose another port with --listen; 0 takes a free one");
        if (errno == EADDRNOTAVAIL)
            throw Error(ErrorKind::usage, object, "is no address of this host");
        throw base::system_error(errno, object, "listen");
    }
    url_ = fmt::format("http://{}:{}/", shown, port_of(listener_));
}

void HttpServer::run(int wake, const std::function<bool()>& is_over) {
    std::vector<struct pollfd> waiting;
    for (;;) {
        waiting.clear();
        waiting.push_back({wake, POLLIN, 0});
        waiting.push_back({listener_.get(), POLLIN, 0});
        for (const Connection& connection : connections_)
            waiting.push_back(
                {connection.fd.get(),
                 static_cast<short>(connection.sent < connection.output.size() ? POLLOUT : POLLIN), 0});
        if (::poll(waiting.data(), static_cast<nfds_t>(waiting.size()), next_timeout()) < 0 && errno != EINTR)
            throw base::system_error(errno, "serve", "poll");
        if ((waiting[0].revents & POLLIN) != 0 && is_over())
            return;
        std::size_t place = 2;
        for (Connection& connection : connections_) {
            if (waiting[place++].revents == 0)
                continue;
            if (connection.sent < connection.output.size())
                write_to(connection);
            else
                read_from(connection);
        }
        const base::SteadyTime now = base::steady_now();
        for (Connection& connection : connections_)
            connection.over = connection.over || now >= connection.until;
        connections_.remove_if([](const Connection& connection) { return connection.over; });
        if ((waiting[1].revents & POLLIN) != 0)
            accept_some();
    }
}

int HttpServer::next_timeout() const {
    if (connections_.empty())
        return -1;
    const auto soonest =
        std::min_element(connections_.begin(), connections_.end(),
                         [](const Connection& a, const Connection& b) { return a.until < b.until; });
    const auto left = std::chrono::ceil<milliseconds>(soonest->until - base::steady_now());
    return static_cast<int>(std::clamp(left, milliseconds(0), milliseconds(60'000)).count());
}

void HttpServer::accept_some() {
    for (int taken = 0; taken < 16; ++taken) {
        base::Fd fd(::accept(listener_.get(), nullptr, nullptr));
        if (!fd) {
            // No descriptors: whoever waited longest makes room.
            if ((errno == EMFILE || errno == ENFILE) && !connections_.empty())
                connections_.pop_front();
            return;
        }
        set_flags(fd);
        // When all places are taken, the oldest peer has had the most time.
        if (connections_.size() >= most_connections)
            connections_.pop_front();
        connections_.push_back({std::move(fd), base::steady_now() + deadline, {}, {}, 0, false, false});
    }
}

void HttpServer::read_from(Connection& connection) {
    char buffer[8192];
    const ssize_t count = ::recv(connection.fd.get(), buffer, sizeof buffer, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count <= 0) {
        connection.over = true;
        return;
    }
    if (connection.answered)
        return; // thrown away: closing with something unread would take the answer from the peer
    connection.input.append(buffer, static_cast<std::size_t>(count));
    if (connection.input.find("\r\n\r\n") != std::string::npos)
        answer(connection);
    else if (connection.input.size() > longest_head)
        refuse(connection, 431);
}

void HttpServer::write_to(Connection& connection) {
    const ssize_t count = ::send(connection.fd.get(), connection.output.data() + connection.sent,
                                 connection.output.size() - connection.sent, MSG_NOSIGNAL);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count < 0) {
        connection.over = true;
        return;
    }
    connection.sent += static_cast<std::size_t>(count);
    if (connection.sent < connection.output.size())
        return;
    // The peer reads to the end and closes; it has a moment for that.
    ::shutdown(connection.fd.get(), SHUT_WR);
    connection.until = std::min(connection.until, base::steady_now() + std::chrono::seconds(2));
}

void HttpServer::refuse(Connection& connection, int status) {
    connection.output =
        response({status, "text/plain; charset=utf-8", std::string(reason_of(status)) + "\n"}, false);
    connection.answered = true;
    connection.input.clear();
}

void HttpServer::answer(Connection& connection) {
    const std::size_t end = connection.input.find("\r\n\r\n");
    if (end + 4 > longest_head) {
        refuse(connection, 431);
        return;
    }
    bool head_only = false;
    const HttpAnswer answer = answer_to(connection.input.substr(0, end), head_only);
    connection.output = response(answer, head_only);
    connection.answered = true;
    connection.input.clear();
}

HttpAnswer HttpServer::answer_to(const std::string& head, bool& head_only) const {
    const auto plain = [](int status, const std::string& text) {
        return HttpAnswer{status, "text/plain; charset=utf-8", text + "\n"};
    };
    const std::string line = head.substr(0, head.find("\r\n"));
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == line.npos || last == first || line.substr(last + 1, 7) != "HTTP/1." ||
        line.find(' ', first + 1) != last || line[first + 1] != '/')
        return plain(400, "no request of HTTP/1");
    const std::string method = line.substr(0, first);
    head_only = method == "HEAD";
    if (method != "GET" && !head_only)
        return plain(405, "only GET and HEAD are answered");
    if (local_names_only_ && !names_this_host(field(head, "host")))
        return plain(421, "ask for an address or localhost");
    const std::string target = line.substr(first + 1, last - first - 1);
    try {
        return answer_(target.substr(0, target.find('?')));
    } catch (const std::exception& error) {
        return plain(500, error.what());
    }
}

} // namespace pkgjail::cli
