// IPv4 addresses as numbers, and those that private networks are taken from. Of a file of its own, because
// supervisors need it and nothing that reads configuration.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace pkgjail::jail {

/// "192.0.2.1", nullopt for anything else.
std::optional<std::uint32_t> parse_ipv4(std::string_view text);
std::string ipv4_text(std::uint32_t address);

/// The addresses that private networks are taken from, 10.77.0.0/24 where nothing else is said. The first is
/// the host's own in every one of them, the last is nobody's.
class AddressPool {
  public:
    /// nullopt for what is no IPv4 network of 4 to 16,777,216 addresses with nothing set behind its prefix,
    /// and for one that no host can give away: loopback, multicast, 0.0.0.0.
    static std::optional<AddressPool> parse(std::string_view text);

    std::string str() const;     ///< "10.77.0.0/24"
    std::string gateway() const; ///< "10.77.0.1"
    bool contains(std::string_view address) const;
    /// Whether jails may have it: within, and neither network, gateway nor the last.
    bool has_room_for(std::string_view address) const;
    std::uint32_t size() const; ///< how many jails have room
    /// The lowest that is not taken.
    std::optional<std::string> first_free(const std::set<std::string>& taken) const;

  private:
    std::uint32_t network_ = 10u << 24 | 77u << 16;
    unsigned prefix_ = 24;
};

} // namespace pkgjail::jail
