// `pkgjail hold` and `unhold`: packages of a jail that are to stay as they are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

struct HoldRequest {
    std::string jail;
    std::vector<std::string> packages; ///< bases, full names or patterns of installed packages
    std::string reason;
    std::optional<std::int64_t> until; ///< Unix seconds
};

struct HoldResult {
    std::string jail;
    std::vector<catalog::Hold> holds; ///< all that the jail has then
    bool changed = false;
};

/// Error{usage} for an end that is past; Error{not_found} for a package that is not in the jail.
HoldResult hold(const Context& context, const HoldRequest& request);
/// What is held no more is no failure; what is neither held nor installed is Error{not_found}.
HoldResult unhold(const Context& context, const std::string& jail, const std::vector<std::string>& packages);

} // namespace pkgjail::ops
