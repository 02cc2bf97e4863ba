// Whose a file of a directory that was made without pkgjail becomes in a jail: owners go by name.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <sys/stat.h>

#include "pkgjail/base/tree.hpp"
#include "pkgjail/store/foreign_root.hpp"

namespace pkgjail::store {

class ForeignOwners {
  public:
    /// `config` is the jail's configuration, with its accounts. A table that cannot be read is added to
    /// `left`, here and below, which outlives this.
    ForeignOwners(const ForeignRoot& from, const base::Tree& config, std::vector<LeftBehind>& left);

    /// The jail's numbers of those whose `status` is, `otherwise` for each whose name the jail has not, which
    /// is added to `left` once. 0 stays 0.
    base::Owner here(const struct stat& status, base::Owner otherwise);

  private:
    std::uint32_t number(bool group, std::uint32_t there, std::uint32_t otherwise);

    std::vector<LeftBehind>& left_;
    std::map<std::uint32_t, std::string> names_[2]; ///< there; of users, of groups
    std::map<std::uint32_t, std::uint32_t> numbers_[2];
    std::set<std::uint32_t> told_[2];
};

} // namespace pkgjail::store
