// The probes that only connect.
#include "pkgjail/supervise/attempt.hpp"

#include "pkgjail/base/clock.hpp"
#include "pkgjail/supervise/attempt_connect.hpp"

namespace pkgjail::supervise {

namespace {

ProbeResult describe(const Connection& connection, base::SteadyTime begun) {
    if (!connection.fd)
        return {false, connection.problem};
    auto taken = std::chrono::duration_cast<std::chrono::milliseconds>(base::steady_now() - begun);
    return {true, "connected in " + show_duration(taken)};
}

} // namespace

std::string show_duration(std::chrono::milliseconds duration) {
    if (duration.count() >= 1000 && duration.count() % 1000 == 0)
        return std::to_string(duration.count() / 1000) + " s";
    return std::to_string(duration.count()) + " ms";
}

ProbeResult ask_tcp(const std::string& target, std::chrono::milliseconds timeout) {
    LocalAddress where = local_address(target, 0);
    if (!where.problem.empty())
        return {false, where.problem};
    ProbeResult result;
    for (const std::string& host : where.hosts) {
        base::SteadyTime begun = base::steady_now();
        ProbeResult one = describe(connect_tcp(host, where.port, timeout), begun);
        if (one.healthy)
            return one;
        if (result.detail.empty())
            result = one; // the first address's answer says most
    }
    return result;
}

ProbeResult ask_unix(const std::string& path, std::chrono::milliseconds timeout) {
    base::SteadyTime begun = base::steady_now();
    return describe(connect_unix(path, timeout), begun);
}

} // namespace pkgjail::supervise
