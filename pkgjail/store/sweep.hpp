// Removing what crashed commands left: whatever is on disk and not in the catalog.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pkgjail/store/layout.hpp"

namespace pkgjail::store {

/// What the catalog knows.
struct Known {
    std::function<bool(const std::string& image_id)> image;
    std::function<bool(const std::string& jail_id)> jail;
};

struct Swept {
    std::vector<std::string> removed; ///< a line for each thing
    std::vector<std::string> failed;  ///< "WHAT: CAUSE" of what could not be removed; tried again next time
};

/// Removes staging and trash directories, images and jails that the catalog does not know. The caller holds
/// the store lock exclusively, so nobody is building. The data of a jail whose removal was to keep it goes
/// back to the jail when the catalog still knows that, and stays as jails/<id>/data otherwise. One thing that
/// cannot be removed, a mount point for example, does not keep the others.
Swept sweep(const Layout& layout, const Known& known);

/// Files beside a record (jail.json, volume.json) that a killed command was about to put in its place, and
/// the catalog that a rebuild had not finished, with its copy of the old one. Tells only of what could not be
/// removed.
Swept sweep_unplaced_files(const Layout& layout);

/// What the names of the files end in that are one catalog: its own, and those that SQLite keeps beside it.
inline constexpr const char* catalog_suffixes[] = {"", "-wal", "-shm", "-journal"};

/// Removes catalog_staging() and what SQLite keeps beside it. Missing is fine.
void remove_catalog_staging(const Layout& layout);
/// The same of catalog_copy().
void remove_catalog_copy(const Layout& layout);

} // namespace pkgjail::store
