// Reading what the repositories offer: search, avail, info.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pkgjail/catalog/packages.hpp"
#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

struct FoundPackage {
    catalog::AvailablePackage package;
    std::vector<std::string> jails; ///< that have this pkgbase installed, as "jail (version)"
    /// By what the installed ones were believed, in the order of `jails`.
    std::vector<std::string> proofs = {};
};

/// What a list shows of one.
struct ListedPackage {
    catalog::ListedPackage package;
    std::vector<std::string> jails; ///< as in FoundPackage
};

/// Packages whose name or comment holds every word. Error{not_found} (with the hint to update) when there is
/// no index at all; an empty answer is none.
std::vector<ListedPackage> search(const Context& context, const std::vector<std::string>& words,
                                  std::size_t limit);
/// Everything on offer that matches the pattern (all, when empty), best version first for each base.
std::vector<ListedPackage> available(const Context& context, const std::string& pattern);
/// One package: the best match of a name or pattern, with its description. Error{not_found} with near names.
FoundPackage package_info(const Context& context, const std::string& name);

} // namespace pkgjail::ops
