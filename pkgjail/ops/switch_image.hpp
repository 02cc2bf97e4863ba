// Giving an existing jail another image: what `install -j` and `remove` share. The service is down for the
// time between the two steps that this writes down.
#pragma once

#include <string>
#include <vector>

#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/ops/make_image.hpp"
#include "pkgjail/ops/session.hpp"

namespace pkgjail::ops {

/// Adds a newly built image to the catalog; part of the caller's transaction.
void record_image(catalog::Catalog& catalog, const MadeImage& made);
/// A generation made by the present command.
catalog::Generation generation_of(const Context& context, const std::string& image_id,
                                  std::vector<std::string> wishes);
/// jail.json: enough to know the jail again without the catalog.
std::string record_of(const catalog::Jail& jail, const catalog::Generation& generation);

/// Stops the jail where it runs, adds what the new image's seed has and the jail lacks, makes a new
/// generation current. Returns the jail as it is then; starting it again (with restart_after_switch) is the caller's. Killed in between,
/// the next command starts the old generation again (recover.hpp).
catalog::Jail switch_image(Session& session, catalog::Jail jail, const MadeImage& made,
                           std::vector<std::string> wishes);

} // namespace pkgjail::ops
