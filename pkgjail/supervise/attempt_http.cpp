// The http probe: one GET, whose status line is all that counts.
#include "pkgjail/supervise/attempt.hpp"

#include <httplib.h>

#include "pkgjail/base/clock.hpp"

namespace pkgjail::supervise {

namespace {

constexpr std::string_view scheme = "http://";

std::string describe(httplib::Error error, std::chrono::milliseconds timeout) {
    switch (error) {
    case httplib::Error::Connection:
        return "connection refused";
    case httplib::Error::ConnectionTimeout:
        return "no answer within " + show_duration(timeout);
    case httplib::Error::Read:
        return "no HTTP answer";
    default:
        return "failed: " + httplib::to_string(error);
    }
}

/// One host; `reached` tells whether somebody answered there.
ProbeResult get(const std::string& host, std::uint16_t port, const std::string& name, const std::string& path,
                std::chrono::milliseconds timeout, bool& reached) {
    httplib::Client client(host, port);
    client.set_connection_timeout(timeout);
    client.set_read_timeout(timeout);
    client.set_write_timeout(timeout);
    client.set_follow_location(false);
    client.set_keep_alive(false);
    base::SteadyTime begun = base::steady_now();
    int status = 0;
    std::string words;
    // The body is not wanted: it may be long, or never end.
    httplib::Result answer = client.Get(
        path, httplib::Headers{{"Host", name}, {"User-Agent", "pkgjail"}},
        [&](const httplib::Response& response) {
            status = response.status;
            words = response.reason;
            return false;
        },
        [](const char*, std::size_t) { return false; });
    if (status == 0 && answer) {
        status = answer->status;
        words = answer->reason;
    }
    reached = status != 0;
    if (!reached)
        return {false, describe(answer.error(), timeout)};
    auto taken = std::chrono::duration_cast<std::chrono::milliseconds>(base::steady_now() - begun);
    return {status >= 200 && status < 400,
            std::to_string(status) + (words.empty() ? "" : " " + words) + " in " + show_duration(taken)};
}

} // namespace

ProbeResult ask_http(const std::string& url, std::chrono::milliseconds timeout) {
    std::string_view rest(url);
    if (!rest.starts_with(scheme))
        return {false, url + ": only http:// can be asked"};
    rest.remove_prefix(scheme.size());
    std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
    std::string authority(rest.substr(0, end));
    std::string path(rest.substr(end, rest.find('#', end) - end));
    if (path.empty() || path[0] != '/')
        path.insert(0, "/");

    LocalAddress where = local_address(authority, 80);
    if (!where.problem.empty())
        return {false, where.problem};
    ProbeResult result;
    for (const std::string& host : where.hosts) {
        bool reached = false;
        ProbeResult one = get(host, where.port, authority, path, timeout, reached);
        if (reached)
            return one;
        if (result.detail.empty())
            result = one;
    }
    return result;
}

} // namespace pkgjail::supervise
