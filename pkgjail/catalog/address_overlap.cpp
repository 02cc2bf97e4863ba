#include "pkgjail/catalog/address_overlap.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace pkgjail::catalog {
namespace {

/// Both families in one: an IPv4 address as its mapped IPv6 form.
using Bytes = std::array<unsigned char, 16>;
constexpr Bytes any_v6 = {};
constexpr Bytes any_v4 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};

bool is_v4(const Bytes& address) {
    return std::equal(any_v4.begin(), any_v4.begin() + 12, address.begin());
}

std::optional<Bytes> read_address(const std::string& text) {
    Bytes bytes = any_v4;
    struct in_addr v4 {};
    if (::inet_pton(AF_INET, text.c_str(), &v4) == 1) {
        std::memcpy(bytes.data() + 12, &v4, 4);
        return bytes;
    }
    struct in6_addr v6 {};
    if (::inet_pton(AF_INET6, text.c_str(), &v6) == 1) {
        std::memcpy(bytes.data(), &v6, 16);
        return bytes;
    }
    return std::nullopt;
}

} // namespace

bool addresses_overlap(const std::string& a, const std::string& b) {
    if (a.empty() || b.empty() || a == b)
        return true;
    const std::optional<Bytes> x = read_address(a);
    const std::optional<Bytes> y = read_address(b);
    if ((x && *x == any_v6) || (y && *y == any_v6))
        return true;
    if (!x || !y)
        // A name stands for an address of either family that is not known here.
        return (x && *x == any_v4) || (y && *y == any_v4);
    if (*x == any_v4 || *y == any_v4)
        return is_v4(*x) && is_v4(*y);
    return *x == *y;
}

} // namespace pkgjail::catalog
