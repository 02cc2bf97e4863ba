// jail.json, snapshot.json and image.json: what the catalog says, beside the files that it is about, so that
// the catalog can be made again. Written after the commit that changes what is in them, so one may be a step
// behind after a crash.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/catalog/images.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/catalog/snapshots.hpp"
#include "pkgjail/catalog/volumes.hpp"
#include "pkgjail/store/accounts.hpp"

namespace pkgjail::ops {

/// `generations` are all that are kept and have the current one.
std::string record_of(const catalog::Jail& jail, const std::vector<catalog::Generation>& generations);
/// Of a jail that has, or is about to have, this one generation only.
std::string record_of(const catalog::Jail& jail, const catalog::Generation& first);
struct JailRecord {
    catalog::Jail jail;
    std::vector<catalog::Generation> generations; ///< oldest first, the current one among them
};
/// Throws Error{corrupt} with `name` as its object, like the others below.
JailRecord parse_jail_record(std::string_view text, const std::string& name);

std::string record_of(const catalog::Snapshot& snapshot, const catalog::Jail& jail);
/// `older`: the settings in a record of a time when snapshots had none.
catalog::Snapshot parse_snapshot_record(std::string_view text, const std::string& name,
                                        const std::map<std::string, std::string>& older = {});
/// Whether it is of this one, though jail and snapshot may have other names by now.
bool is_record_of(const catalog::Snapshot& recorded, const catalog::Snapshot& snapshot);
/// False for a record of that time.
bool tells_settings(std::string_view snapshot_record, const std::string& name);

/// Whether it is fresh is not in it: one that is empty counts as fresh.
std::string record_of(const catalog::Volume& volume);
catalog::Volume parse_volume_record(std::string_view text, const std::string& name);

/// Id, size and number of files are not in it: the manifest says them.
std::string record_of(const catalog::Image& image, const store::AccountNumbers& accounts);
struct ImageRecord {
    catalog::Image image;
    store::AccountNumbers accounts; ///< of the names that its packages declare
};
ImageRecord parse_image_record(std::string_view text, const std::string& name);

} // namespace pkgjail::ops
