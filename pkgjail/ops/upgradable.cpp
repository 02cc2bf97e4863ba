#include "pkgjail/ops/upgradable.hpp"

#include <algorithm>

#include "pkgjail/catalog/packages.hpp"
#include "pkgjail/format/pkgname.hpp"
#include "pkgjail/format/version.hpp"

namespace pkgjail::ops {

std::size_t count_upgradable(catalog::Catalog& catalog, const catalog::Image& image) {
    catalog::Packages packages(catalog);
    std::size_t count = 0;
    for (const catalog::ImagePackage& package : image.packages) {
        if (!format::Pkgname::is_valid(package.pkgname))
            continue; // of a damaged catalog, which doctor tells; figures are told all the same
        const format::Pkgname name = format::Pkgname::parse(package.pkgname);
        const auto offers = packages.builds_by_base(std::string(name.base()));
        // Of one name in several repositories the first one's build counts, as for an upgrade.
        bool same_seen = false;
        const bool newer = std::any_of(offers.begin(), offers.end(), [&](const auto& offer) {
            const auto& [pkgname, build_date] = offer;
            if (pkgname == package.pkgname) {
                const bool other_build = !same_seen && !build_date.empty() && !package.build_date.empty() &&
                                         build_date != package.build_date;
                same_seen = true;
                return other_build;
            }
            return format::Pkgname::is_valid(pkgname) &&
                   format::compare_versions(format::Pkgname::parse(pkgname).version(), name.version()) > 0;
        });
        count += newer ? 1 : 0;
    }
    return count;
}

} // namespace pkgjail::ops
