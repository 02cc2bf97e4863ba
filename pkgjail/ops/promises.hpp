// What the indexes of configured repositories promise of a package.
#pragma once

#include <optional>
#include <string>

#include "pkgjail/catalog/packages.hpp"
#include "pkgjail/jail/config.hpp"
#include "pkgjail/ops/context.hpp"
#include "pkgjail/repo/cache.hpp"
#include "pkgjail/solve/solver.hpp"

namespace pkgjail::ops {

/// nullptr when none of this name is configured.
const jail::RepositoryConfig* find_repository(const jail::Config& config, const std::string& name);

/// The record of a configured repository for this pkgname: that of the offer's own, else the best other
/// one's.
std::optional<catalog::AvailablePackage> find_record(const Context& context, catalog::Packages& packages,
                                                     const solve::Offer& offer);

/// The archive that the record promises; its repository must be configured.
repo::WantedArchive wanted_from(const Context& context, const catalog::AvailablePackage& available);

} // namespace pkgjail::ops
