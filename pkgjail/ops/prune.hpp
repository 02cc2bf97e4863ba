// What is kept: generations by number and age, and the images that generations and snapshots need.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pkgjail/catalog/images.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/jail/config.hpp"
#include "pkgjail/ops/session.hpp"

namespace pkgjail::ops {

/// The generation that `rollback` goes to when none is named: the highest below the current one that was not
/// rolled back; 0: there is none.
std::int64_t last_good_before(const std::vector<catalog::Generation>& generations, std::int64_t current);

/// Numbers of the generations that may go at `now` (seconds since 1970), oldest first: beyond `policy` in
/// number and in age, not current, not what a rollback would go to. None of a jail with an interrupted
/// operation, whose note may name any of them.
std::vector<std::int64_t> generations_to_prune(const catalog::Jail& jail,
                                               const std::vector<catalog::Generation>& generations,
                                               const jail::KeepingConfig& policy, std::int64_t now);

/// Has the catalog forget these generations, then removes their configuration. The caller holds the jail's
/// lock. Cut in between, the configuration is what sweep_configs() looks for.
void forget_generations(Session& session, const catalog::Jail& jail,
                        const std::vector<std::int64_t>& numbers);

/// After a command that has made a generation: the jail's old ones go, and images that nothing needs. The
/// caller holds the jail's lock. What cannot be removed is told as a warning: the command itself has
/// succeeded.
void prune_jail(Session& session, const std::string& jail_id);

/// Forgets and deletes an image, unless something refers to it or a command is just about to. False: it
/// stays.
bool remove_image_if_unneeded(Session& session, const catalog::Image& image);

/// All of which that is true. Returns their ids.
std::vector<std::string> remove_unreferenced_images(Session& session);

} // namespace pkgjail::ops
