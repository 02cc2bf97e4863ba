// One attempt of each kind of probe, as the probe's own process makes it. An attempt may take longer than its
// timeout: whoever started that process ends it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/supervise/probe.hpp"

namespace pkgjail::supervise {

ProbeResult ask_http(const std::string& url, std::chrono::milliseconds timeout);
/// "host:port": whether it accepts a connection.
ProbeResult ask_tcp(const std::string& target, std::chrono::milliseconds timeout);
/// Whether a unix socket accepts a connection. `path` is looked up from the calling process's root.
ProbeResult ask_unix(const std::string& path, std::chrono::milliseconds timeout);

/// Where to ask, or why not there.
struct LocalAddress {
    std::vector<std::string> hosts; ///< numeric, without brackets, to be tried in this order
    std::uint16_t port = 0;
    std::string problem; ///< not empty: what is wrong with it
};
/// "127.0.0.1:80", "[::1]:80", "localhost:80"; `default_port` 0: the port must be there. A name other than
/// localhost or an address that no interface of this host has is a problem: a probe asks nobody else.
LocalAddress local_address(std::string_view text, std::uint16_t default_port);

/// "2 s", "250 ms".
std::string show_duration(std::chrono::milliseconds duration);

} // namespace pkgjail::supervise
