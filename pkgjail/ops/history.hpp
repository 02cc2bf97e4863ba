// `pkgjail history`: a jail's generations, and what each changed.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/catalog/image_changes.hpp"
#include "pkgjail/catalog/images.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

/// One generation, compared with the one before it that was not rolled back.
struct HistoryEntry {
    catalog::Generation generation; ///< with what its merge came to
    bool current = false;
    std::vector<std::string> changes; ///< of packages: "+less-633", "-tree-2.1.0",
                                      ///< "nginx-1.22.1 -> nginx-1.22.1nb1"
    catalog::ImageChanges files;
    /// By what the archives are believed that the one before did not have → pkgnames.
    std::map<std::string, std::vector<std::string>> trust;
};
std::vector<HistoryEntry> history(const Context& context, const std::string& jail);

/// Packages of two images, as in HistoryEntry; nullopt: none.
std::vector<std::string> package_changes(const std::optional<catalog::Image>& before,
                                         const std::optional<catalog::Image>& after);

} // namespace pkgjail::ops
