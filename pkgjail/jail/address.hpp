// Network addresses as configuration writes them: numbers, or "localhost"; no names, so nothing here or later
// asks DNS.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pkgjail::jail {

/// "127.0.0.1" or "::1" (no brackets), in its canonical spelling; nullopt for anything else.
std::optional<std::string> parse_ip_address(std::string_view text);
/// "1" to "65535", without leading zeros.
std::optional<std::uint16_t> parse_port(std::string_view text);

/// Where to connect to.
struct Endpoint {
    std::string host; ///< an address in canonical spelling, or "localhost"
    std::uint16_t port = 0;
};
/// "127.0.0.1:80", "[::1]:80", "localhost:80". The port may be missing where there is a default (not 0).
std::optional<Endpoint> parse_endpoint(std::string_view text, std::uint16_t default_port = 0);

/// The parts of "http://HOST:PORT/PATH".
struct HttpTarget {
    Endpoint endpoint;
    std::string path; ///< begins with "/", may hold a query
};
/// Plain http only, the host as in parse_endpoint; port 80 and path "/" may be left out.
std::optional<HttpTarget> parse_http_target(std::string_view url);

/// What is wrong with the address of a repository or a proxy, as the "allowed" part of a message; empty:
/// nothing. With `with_files` it is a repository (file: too, and a path), else a proxy (a port, no path). The
/// address itself must not be shown when hides_secret says so.
std::string url_problem(std::string_view url, bool with_files);
/// Whether it may hold a user name and password, which no message may repeat.
bool hides_secret(std::string_view url);

} // namespace pkgjail::jail
