// What a jail takes over from a directory that was made without pkgjail (foreign_root): changed
// configuration, and data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pkgjail/base/tree.hpp"
#include "pkgjail/store/foreign_root.hpp"

namespace pkgjail::store {

struct DataMove {
    base::RootPath from; ///< in the directory
    base::RootPath to;   ///< in the jail
};

struct Taken {
    std::string from; ///< path in the directory
    std::string to;   ///< path in the jail
    bool data = false;
    std::uint64_t files = 1;  ///< all but directories
    std::uint64_t bytes = 0;  ///< of their content
    bool over_recipe = false; ///< in the place of a file of the recipe's
};

struct TakeOver {
    std::vector<base::Entry> configuration; ///< ForeignRoot::own_configuration()
    std::vector<DataMove> data;
    std::string prefix;                    ///< of the jail
    std::vector<base::RootPath> of_recipe; ///< files that the recipe has written
};

/// What `what` comes to, without doing anything: sizes and names. A data path that is not there is left out.
/// What could not be taken is added to `left`, but for what only the jail's own files decide: whose name it
/// has not, what it has already, and what is in the way. `where`: a directory of the file system that the
/// jail would be on. Error{system} when there is no room.
std::vector<Taken> measure(const ForeignRoot& from, const TakeOver& what, const base::HostPath& where,
                           std::vector<LeftBehind>& left);

/// Fills the configuration and the data of a jail that nobody sees yet. Returns what was taken; what the jail
/// has already, byte for byte, is no part of it. What cannot be taken is added to `left`.
///
/// Owners go by name: who has the name there has the jail's number of it, and who has no name here gives the
/// file to the owner of the data path, or of the file that is replaced. Set-id bits, capabilities and access
/// lists are not taken, and told: without a list the group has what its own entry gave it. Where data go to a
/// place within other data, what these have there gives way. Error{system} when there is no room.
std::vector<Taken> take_over(const ForeignRoot& from, const TakeOver& what, const base::Tree& config,
                             const base::Tree& data, std::vector<LeftBehind>& left);

} // namespace pkgjail::store
