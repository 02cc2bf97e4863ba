#include "pkgjail/jail/address_pool.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <fmt/format.h>

#include "pkgjail/jail/quantity.hpp"

namespace pkgjail::jail {

std::optional<std::uint32_t> parse_ipv4(std::string_view text) {
    struct in_addr address {};
    if (::inet_pton(AF_INET, std::string(text).c_str(), &address) != 1)
        return std::nullopt;
    return ntohl(address.s_addr);
}

std::string ipv4_text(std::uint32_t address) {
    return fmt::format("{}.{}.{}.{}", address >> 24, address >> 16 & 0xff, address >> 8 & 0xff,
                       address & 0xff);
}

std::optional<AddressPool> AddressPool::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos)
        return std::nullopt;
    const auto network = parse_ipv4(text.substr(0, slash));
    const auto prefix = parse_number(text.substr(slash + 1));
    constexpr std::uint64_t widest = 8;
    constexpr std::uint64_t narrowest = 30;
    if (!network || !prefix || *prefix < widest || *prefix > narrowest)
        return std::nullopt;
    AddressPool pool;
    pool.network_ = *network;
    pool.prefix_ = static_cast<unsigned>(*prefix);
    const std::uint32_t behind = (std::uint32_t{1} << (32 - pool.prefix_)) - 1;
    const std::uint32_t first = *network >> 24;
    if ((*network & behind) != 0 || first == 0 || first == 127 || first >= 224)
        return std::nullopt;
    return pool;
}

std::string AddressPool::str() const {
    return fmt::format("{}/{}", ipv4_text(network_), prefix_);
}

std::string AddressPool::gateway() const {
    return ipv4_text(network_ + 1);
}

bool AddressPool::contains(std::string_view address) const {
    const auto number = parse_ipv4(address);
    return number && *number >> (32 - prefix_) == network_ >> (32 - prefix_);
}

std::uint32_t AddressPool::size() const {
    return (std::uint32_t{1} << (32 - prefix_)) - 3;
}

bool AddressPool::has_room_for(std::string_view address) const {
    const auto number = parse_ipv4(address);
    return number && *number >= network_ + 2 && *number - (network_ + 2) < size();
}

std::optional<std::string> AddressPool::first_free(const std::set<std::string>& taken) const {
    for (std::uint32_t i = 0; i < size(); ++i)
        if (std::string address = ipv4_text(network_ + 2 + i); !taken.contains(address))
            return address;
    return std::nullopt;
}

} // namespace pkgjail::jail
