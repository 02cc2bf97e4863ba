#include "pkgjail/ops/packages_before.hpp"

namespace pkgjail::ops {

std::optional<store::UnpackedBefore> PackagesBefore::find(const store::BuildPackage& package) {
    const auto image = images_.find_unpacked(package.pkgname, package.sha256, prefix_);
    if (!image || !held_.hold(image->id, image->build_key))
        return std::nullopt;
    const ByPackage& entries = entries_of(image->id);
    const auto found = entries.find(package.pkgname);
    if (found == entries.end()) // a package of nothing but other packages
        return store::UnpackedBefore{image->id, image->created_at, {}};
    return store::UnpackedBefore{image->id, image->created_at, found->second};
}

const PackagesBefore::ByPackage& PackagesBefore::entries_of(const std::string& image) {
    const auto [place, is_new] = manifests_.try_emplace(image);
    if (is_new)
        for (jail::ManifestEntry& entry : images_.manifest(image).entries)
            if (!entry.package.empty())
                place->second[entry.package].push_back(std::move(entry));
    return place->second;
}

} // namespace pkgjail::ops
