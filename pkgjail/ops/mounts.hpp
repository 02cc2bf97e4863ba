// What jails have mounted beside their own files, volumes and directories of the host: whether it may be, how
// it comes into the catalog and into the description of a jail.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/confine/spec.hpp"
#include "pkgjail/jail/mounts.hpp"
#include "pkgjail/jail/recipe.hpp"
#include "pkgjail/ops/session.hpp"

namespace pkgjail::ops {

/// What a jail has, in the words of the operator.
jail::MountWords mounts_of(const catalog::Jail& jail);

/// Error{conflict} for a place inside that may not be covered or is taken by another of them, Error{denied}
/// for a source that is not allowed, and for every source where we are not root. Whether the source exists is
/// not looked at.
void check_mounts(const Context& context, const jail::MountWords& mounts,
                  const std::vector<base::RootPath>& data_paths);

/// Writes them into `jail`, which is not in the catalog yet or is the caller's to update. Volumes that there
/// are not are made, and said.
void take_mounts(Session& session, const jail::MountWords& mounts, catalog::Jail& jail);

/// Volumes of `jail` that no jail has had get owner and mode of their mount point, in the image's seed or the
/// jail's data. Before the commit that gives the jail its volumes; settle_volumes() is part of that.
void prepare_volumes(Session& session, const catalog::Jail& jail, const std::string& image_id);
void settle_volumes(catalog::Catalog& catalog, const catalog::Jail& jail);

/// Adds them to the description.
void add_mounts(const Context& context, const catalog::Jail& jail, confine::JailSpec& spec);
/// Before a jail is made in the kernel: looks once more whether they may be, and makes their mount points.
void make_mount_points(const Context& context, const catalog::Jail& jail,
                       const std::optional<jail::RenderedRecipe>& recipe);

struct MountsResult {
    std::string jail;
    jail::MountWords before;
    jail::MountWords after;
    bool changed = false;
    bool running = false; ///< then it has them after a restart
};
/// Gives the jail exactly these. Error{not_found}, and as check_mounts().
MountsResult change_mounts(const Context& context, const std::string& jail, const jail::MountWords& mounts);
/// One more.
MountsResult attach(const Context& context, const std::string& jail, const jail::MountWords& more);
/// What is at this place inside goes; Error{not_found} when there is nothing.
MountsResult detach(const Context& context, const std::string& jail, const std::string& path);

} // namespace pkgjail::ops
