// `pkgjail config`: how a jail's configuration differs from what its image and its recipe give, and settling
// conflicts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/ops/context.hpp"
#include "pkgjail/store/tree_diff.hpp"

namespace pkgjail::ops {

/// A path of /etc or PREFIX/etc. Added and removed are seen from image and recipe: "added" is in the jail
/// only.
struct ConfigEntry {
    base::RootPath path;
    std::optional<store::Change> change; ///< none: a conflict at a path that does not differ any more
    std::vector<std::string> what;
    std::vector<std::string> conflicts; ///< what each open conflict is about
    std::string
        diff; ///< where asked for: from image and recipe to the jail, unified; foreign bytes as they are
    std::string no_diff; ///< why there is none: "binary", "larger than 1M"; empty where no content differs
};

struct ConfigView {
    std::string jail;
    std::int64_t generation = 0;
    std::vector<ConfigEntry> entries; ///< in byte order of paths
    std::int64_t open_conflicts = 0;
};

/// Only reads. The jail may be running.
ConfigView configuration(const Context& context, const std::string& jail, bool with_diffs);

struct ConfigRequest {
    std::string jail;
    std::vector<std::string> take; ///< what image and recipe give is to be in place
    std::vector<std::string> keep; ///< the operator's is to stay
};

struct ConfigResult {
    struct Settled {
        std::string path;
        bool is_taken = false; ///< else kept
        bool changed = false;  ///< whether there was anything to do
    };
    std::string jail;
    std::int64_t generation = 0;
    std::vector<Settled> settled;
    std::int64_t open_conflicts = 0; ///< that are left
    bool running = false;            ///< the service goes on with what it has read before
};

/// All paths are looked at before the first is changed: Error{not_found} for one that is neither in the jail
/// nor in its image or recipe, Error{conflict} for taking one that only the operator ever had.
ConfigResult settle_configuration(const Context& context, const ConfigRequest& request);

/// Those that nobody has decided.
std::vector<catalog::ConfigConflict> open_conflicts(const catalog::Generation& generation);

} // namespace pkgjail::ops
