// The http probe: one GET, of whose answer nothing is read but the status line. That is all a probe wants to
// know, it is over at its deadline whatever the other end does, and it spares a process that lives for months
// an HTTP library.
#include "pkgjail/supervise/attempt.hpp"

#include <algorithm>
#include <cerrno>

#include <poll.h>
#include <sys/socket.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/supervise/attempt_connect.hpp"

namespace pkgjail::supervise {

namespace {

using std::chrono::milliseconds;

constexpr std::string_view scheme = "http://";
constexpr std::size_t longest_status_line = 1024;

/// Waits until `fd` is ready for `events`; false at the deadline.
bool wait_until(const base::Fd& fd, short events, base::SteadyTime deadline) {
    for (;;) {
        auto left = std::chrono::ceil<milliseconds>(deadline - base::steady_now());
        if (left.count() <= 0)
            return false;
        struct pollfd waiting {
            fd.get(), events, 0
        };
        if (::poll(&waiting, 1, static_cast<int>(left.count())) > 0)
            return true;
    }
}

enum class Outcome { done, closed, too_late };

Outcome send_all(const base::Fd& fd, std::string_view text, base::SteadyTime deadline) {
    while (!text.empty()) {
        ssize_t count = ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
        if (count > 0)
            text.remove_prefix(static_cast<std::size_t>(count));
        else if (errno != EAGAIN && errno != EINTR)
            return Outcome::closed;
        else if (!wait_until(fd, POLLOUT, deadline))
            return Outcome::too_late;
    }
    return Outcome::done;
}

/// The first line, without its end.
Outcome read_line(const base::Fd& fd, std::string& line, base::SteadyTime deadline) {
    for (;;) {
        char buffer[256];
        ssize_t count = ::recv(fd.get(), buffer, sizeof buffer, 0);
        if (count > 0) {
            line.append(buffer, static_cast<std::size_t>(count));
            if (std::size_t end = line.find_first_of("\r\n"); end != line.npos) {
                line.resize(end);
                return Outcome::done;
            }
            if (line.size() > longest_status_line)
                return Outcome::done; // refused by whoever parses it
        } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
            return Outcome::closed;
        } else if (!wait_until(fd, POLLIN, deadline)) {
            return Outcome::too_late;
        }
    }
}

/// "HTTP/1.1 200 OK" → 200; 0 for anything that is no status line.
int status_of(std::string_view line) {
    auto is_digit = [&](std::size_t at) { return line[at] >= '0' && line[at] <= '9'; };
    if (line.size() < 12 || line.size() > longest_status_line || !line.starts_with("HTTP/1.") ||
        !is_digit(7) || line[8] != ' ' || !is_digit(9) || !is_digit(10) || !is_digit(11) ||
        (line.size() > 12 && line[12] != ' '))
        return 0;
    return (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
}

/// Asks one address. `connected` tells whether there was somebody.
ProbeResult get(const std::string& host, std::uint16_t port, const std::string& request, milliseconds timeout,
                bool& connected) {
    base::SteadyTime begun = base::steady_now();
    Connection connection = connect_tcp(host, port, timeout);
    connected = static_cast<bool>(connection.fd);
    if (!connected)
        return {false, connection.problem};
    base::SteadyTime deadline = begun + timeout;
    std::string line;
    Outcome outcome = send_all(connection.fd, request, deadline);
    // Also after a closed sending side: an early answer may be there.
    if (outcome != Outcome::too_late)
        outcome = read_line(connection.fd, line, deadline);
    if (outcome == Outcome::too_late)
        return {false, "no answer within " + show_duration(timeout)};
    int status = outcome == Outcome::done ? status_of(line) : 0;
    if (status == 0)
        return {false,
                outcome == Outcome::closed ? "connection closed without an HTTP answer" : "no HTTP answer"};
    auto taken = std::chrono::duration_cast<milliseconds>(base::steady_now() - begun);
    return {status >= 200 && status < 400, line.substr(9) + " in " + show_duration(taken)};
}

} // namespace

ProbeResult ask_http(const std::string& url, milliseconds timeout) {
    std::string_view rest(url);
    if (!rest.starts_with(scheme))
        return {false, url + ": only http:// can be asked"};
    // A blank or line break would end the request line early, and the rest would be a second request.
    if (std::any_of(url.begin(), url.end(),
                    [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; }))
        return {false, "the address holds blanks or control characters"};
    rest.remove_prefix(scheme.size());
    std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
    std::string authority(rest.substr(0, end));
    std::string path(rest.substr(end, std::min(rest.find('#'), rest.size()) - end));
    if (path.empty() || path[0] != '/')
        path.insert(0, "/");
    std::string request = "GET " + path + " HTTP/1.1\r\nHost: " + authority +
                          "\r\nUser-Agent: pkgjail\r\nAccept: */*\r\nConnection: close\r\n\r\n";

    LocalAddress where = local_address(authority, 80);
    if (!where.problem.empty())
        return {false, where.problem};
    ProbeResult result;
    for (const std::string& host : where.hosts) {
        bool connected = false;
        ProbeResult one = get(host, where.port, request, timeout, connected);
        if (connected)
            return one;
        if (result.detail.empty())
            result = one; // the first address's answer says most
    }
    return result;
}

} // namespace pkgjail::supervise
