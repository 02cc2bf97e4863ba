// Numbers of the user and group names that packages ask for: given out once, the same on this host for ever,
// because data outlives images.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "pkgjail/catalog/catalog.hpp"

namespace pkgjail::catalog {

enum class AccountKind { user, group };

class Accounts {
  public:
    /// Numbers are given from this range upward, unless the package wants a free one below 1000.
    static constexpr std::uint32_t first = 20000;
    static constexpr std::uint32_t last = 59999;

    explicit Accounts(Catalog& catalog);
    std::optional<std::uint32_t> find(AccountKind kind, const std::string& name);
    /// The name's number, given out now if it has none: `wanted` when it is 1 to 999 or in the range and
    /// nobody of the kind has it; else, for a user, that of the group of the same name (and the other way
    /// round) when it is free; else the lowest one that neither a user nor a group has. Never 0.
    /// Error{conflict} when the range is used up.
    std::uint32_t allocate(AccountKind kind, const std::string& name,
                           std::optional<std::uint32_t> wanted = {});
    /// For a catalog that is made again: the name has this number, whatever range it is of. False, and
    /// nothing done, when the name has another one or the number is somebody else's.
    bool put(AccountKind kind, const std::string& name, std::uint32_t number);
    std::map<std::string, std::uint32_t> all(AccountKind kind);

  private:
    bool is_free(AccountKind kind, std::uint32_t number);
    std::uint32_t choose(AccountKind kind, const std::string& name, std::optional<std::uint32_t> wanted);

    Catalog& catalog_;
};

} // namespace pkgjail::catalog
