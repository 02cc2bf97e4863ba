#include "pkgjail/jail/address.hpp"

#include <array>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "pkgjail/jail/config_file.hpp"
#include "pkgjail/jail/quantity.hpp"

namespace pkgjail::jail {

namespace {

/// "HOST" or "HOST:PORT" or "[V6]:PORT" in two; the port with its colon.
std::optional<std::pair<std::string_view, std::string_view>> split_port(std::string_view text) {
    if (text.starts_with('[')) {
        const std::size_t end = text.find(']');
        if (end == std::string_view::npos)
            return std::nullopt;
        return std::pair{text.substr(1, end - 1), text.substr(end + 1)};
    }
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos)
        return std::pair{text, std::string_view()};
    return std::pair{text.substr(0, colon), text.substr(colon)};
}

bool is_host_name(std::string_view text) {
    constexpr std::string_view characters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-";
    return !text.empty() && text.size() <= 253 && text.front() != '-' && text.front() != '.' &&
           text.find("..") == std::string_view::npos &&
           text.find_first_not_of(characters) == std::string_view::npos;
}

} // namespace

std::optional<std::string> parse_ip_address(std::string_view text) {
    const std::string source(text);
    if (source.find('\0') != std::string::npos)
        return std::nullopt;
    for (const int family : {AF_INET, AF_INET6}) {
        std::array<unsigned char, sizeof(in6_addr)> bytes{};
        std::array<char, INET6_ADDRSTRLEN> shown{};
        if (inet_pton(family, source.c_str(), bytes.data()) == 1 &&
            inet_ntop(family, bytes.data(), shown.data(), static_cast<socklen_t>(shown.size())) != nullptr)
            return std::string(shown.data());
    }
    return std::nullopt;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    const std::optional<std::uint64_t> number = parse_number(text);
    if (!number || *number < 1 || *number > 65535 || text.front() == '0')
        return std::nullopt;
    return static_cast<std::uint16_t>(*number);
}

std::optional<Endpoint> parse_endpoint(std::string_view text, std::uint16_t default_port) {
    const auto parts = split_port(text);
    if (!parts)
        return std::nullopt;
    const auto& [host, port_part] = *parts;
    const std::optional<std::string> address = host == "localhost" && !text.starts_with('[')
                                                   ? std::optional<std::string>("localhost")
                                                   : parse_ip_address(host);
    const bool is_v6 = address && address->find(':') != std::string::npos;
    if (!address || is_v6 != text.starts_with('['))
        return std::nullopt;
    if (port_part.empty() && default_port != 0)
        return Endpoint{*address, default_port};
    const std::optional<std::uint16_t> port =
        port_part.starts_with(':') ? parse_port(port_part.substr(1)) : std::nullopt;
    return port ? std::optional(Endpoint{*address, *port}) : std::nullopt;
}

std::optional<HttpTarget> parse_http_target(std::string_view url) {
    constexpr std::string_view scheme = "http://";
    if (!url.starts_with(scheme) || !is_plain_text(url) ||
        url.find_first_of(" #\\") != std::string_view::npos)
        return std::nullopt;
    url.remove_prefix(scheme.size());
    const std::size_t slash = std::min(url.find('/'), url.size());
    const std::optional<Endpoint> endpoint = parse_endpoint(url.substr(0, slash), 80);
    if (!endpoint)
        return std::nullopt;
    return HttpTarget{*endpoint, slash == url.size() ? "/" : std::string(url.substr(slash))};
}

bool hides_secret(std::string_view url) {
    return url.find('@') != std::string_view::npos;
}

std::string url_problem(std::string_view url, bool with_files) {
    std::string form = with_files ? "https://HOST/PATH, http://HOST/PATH or file:///PATH"
                                  : "http://HOST:PORT or https://HOST:PORT";
    if (url.find_first_of(" \t\"<>\\^`{|}") != std::string_view::npos || !is_plain_text(url))
        return form + ", without blanks, quotes and braces";
    if (url.find_first_of("?#") != std::string_view::npos)
        return form + ", without \"?\" and \"#\"";
    if (with_files && url.starts_with("file://")) {
        const std::string_view path = url.substr(7);
        return path.starts_with('/') && path.find_first_not_of('/') != std::string_view::npos ? "" : form;
    }
    const std::size_t start = url.starts_with("https://") ? 8 : url.starts_with("http://") ? 7 : 0;
    if (start == 0)
        return form;
    const std::size_t slash = std::min(url.find('/', start), url.size());
    const std::string_view authority = url.substr(start, slash - start);
    if (authority.find('@') != std::string_view::npos)
        return form + ", without a user name and password";
    const auto parts = split_port(authority);
    if (!parts)
        return form;
    const auto& [host, port] = *parts;
    const bool host_is_good =
        authority.starts_with('[') ? parse_ip_address(host).has_value() : is_host_name(host);
    if (!host_is_good || (!port.empty() && (!port.starts_with(':') || !parse_port(port.substr(1)))))
        return form;
    if (!with_files && (port.empty() || url.substr(slash).find_first_not_of('/') != std::string_view::npos))
        return form;
    return {};
}

} // namespace pkgjail::jail
