// Packages that another image has as their archives have them, for whoever is about to make an image.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/catalog/images.hpp"
#include "pkgjail/ops/held_images.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/store/builder.hpp"

namespace pkgjail::ops {

class PackagesBefore {
  public:
    PackagesBefore(Session& session, std::string prefix)
        : images_(session.catalog()), held_(session.context()), prefix_(std::move(prefix)) {}
    /// nullopt: no image with this prefix that stays has it, or it is not known that one does. What is found
    /// stays while this object lives.
    std::optional<store::UnpackedBefore> find(const store::BuildPackage& package);

  private:
    using ByPackage = std::map<std::string, std::vector<jail::ManifestEntry>>;

    const ByPackage& entries_of(const std::string& image);

    catalog::Images images_;
    HeldImages held_;
    std::string prefix_;
    std::map<std::string, ByPackage> manifests_; ///< of the images that have any, by id
};

} // namespace pkgjail::ops
