#include "pkgjail/repo/url.hpp"

namespace pkgjail::repo {

namespace {

int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

} // namespace

std::string percent_encode(std::string_view text) {
    constexpr char digits[] = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        if (is_unreserved(c)) {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
    return out;
}

std::optional<std::string> percent_decode(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        const int high = i + 1 < text.size() ? hex_value(text[i + 1]) : -1;
        const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
        if (high < 0 || low < 0 || high + low == 0)
            return std::nullopt;
        out += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return out;
}

std::string shown_url(std::string_view url) {
    const std::size_t scheme = url.find("://");
    if (scheme == std::string_view::npos)
        return std::string(url);
    const std::size_t authority = scheme + 3;
    const std::string_view host = url.substr(authority, url.find_first_of("/?#", authority) - authority);
    const std::size_t at = host.rfind('@');
    if (at == std::string_view::npos)
        return std::string(url);
    return std::string(url.substr(0, authority)).append(url.substr(authority + at + 1));
}

bool is_file_url(std::string_view url) {
    return url.substr(0, 7) == "file://";
}

std::optional<base::HostPath> file_url_path(std::string_view url) {
    if (!is_file_url(url))
        return std::nullopt;
    std::string_view path = url.substr(7);
    constexpr std::string_view localhost = "localhost/";
    if (path.substr(0, localhost.size()) == localhost)
        path.remove_prefix(localhost.size() - 1);
    if (path.empty() || path.front() != '/')
        return std::nullopt;
    const auto decoded = percent_decode(path);
    return decoded ? std::optional<base::HostPath>(*decoded) : std::nullopt;
}

} // namespace pkgjail::repo
