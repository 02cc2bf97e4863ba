// `pkgjail diff`: what differs between generations, snapshots and the jail as it is.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pkgjail/ops/context.hpp"
#include "pkgjail/store/tree_diff.hpp"

namespace pkgjail::ops {

/// What is compared. A generation stands for its image and the configuration that image and recipe give, with
/// no change of the operator's: how the configuration was right after the merge is not kept. A snapshot
/// stands for its image and what was frozen; the present jail for what is on disk now, its image included.
struct DiffSide {
    enum class Kind { generation, snapshot, present };
    Kind kind = Kind::present;
    std::int64_t generation = 0; ///< of a snapshot the one it was made of, of the jail the current one
    std::string snapshot;
    std::string image;
    std::string str() const; ///< "generation 2", "snapshot before", "the jail as it is"
};

struct JailDiff {
    std::string jail;
    DiffSide from;
    DiffSide to;
    std::vector<std::string> packages;     ///< "+less-633", "-tree-2.1.0", "nginx-1.22.1 -> nginx-1.24.0"
    std::vector<store::Difference> image;  ///< between what two images hold, as paths of the jail
    std::vector<store::Difference> damage; ///< the present image against its own manifest
    std::vector<store::Difference> configuration;
    /// Only where neither side is a generation, which has no data.
    std::optional<std::vector<store::Difference>> data;

    bool is_equal() const {
        return packages.empty() && image.empty() && damage.empty() && configuration.empty() &&
               (!data || data->empty());
    }
};

/// `a`, `b`: a generation's number or a snapshot's name. Both empty: the current generation and the jail as
/// it is; only `b` empty: `a` and the jail as it is. Error{not_found} for what there is not. Only reads; the
/// jail may be running.
JailDiff diff(const Context& context, const std::string& jail, const std::string& a, const std::string& b);

} // namespace pkgjail::ops
