// `pkgjail import --from`: a jail in the place of a root made by hand, or of a ship of sailor's. The packages
// are installed anew from the repositories; nothing is run there, and nothing is changed there.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "pkgjail/ops/install.hpp"
#include "pkgjail/store/take_over.hpp"

namespace pkgjail::ops {

struct MigrateRequest {
    base::HostPath source;                      ///< a directory, or a ship's configuration
    std::string jail;                           ///< to be made; empty: the ship's name
    std::string recipe;                         ///< empty: the one that fits the packages
    std::map<std::string, std::string> set;     ///< values of the recipe
    jail::NetworkChoice network;                ///< checked
    std::map<std::string, std::string> replace; ///< a package's base there → pattern; empty: not installed
    std::vector<store::DataMove> data;          ///< besides the recipe's data paths
    bool start = true;
};

struct MigratedPackage {
    std::string there; ///< "nginx-1.24.0"; of a ship the word that it has
    bool automatic = false;
    std::string here; ///< empty: not in the jail
};

struct MigrateResult {
    InstallResult install;
    std::string source; ///< what it was made from, for messages
    std::vector<MigratedPackage> packages;
    std::vector<store::Taken> taken; ///< in a dry run: what would be
    std::vector<store::LeftBehind> left;
};

/// The same packages by their names, configuration that was changed, and data. The jail appears with all of
/// it or not at all. Error{conflict} for a jail that exists, and where several recipes fit; Error{not_found}
/// for no packages there, or none of the name here; else as install().
MigrateResult migrate_directory(const Context& context, const MigrateRequest& request);
/// The ship's packages. What its file asks for besides is listed with what to do instead.
MigrateResult migrate_sailor(const Context& context, const MigrateRequest& request);

} // namespace pkgjail::ops
