// A snapshot's files: frozen, put in place, made a jail's own again, removed.
#pragma once

#include <cstdint>
#include <string>

#include "pkgjail/store/freeze.hpp"
#include "pkgjail/store/layout.hpp"
#include "pkgjail/store/staged.hpp"

namespace pkgjail::store {

/// snapshots/new-<id>, in which a snapshot comes into being. Disappears unless it was placed.
class SnapshotStaging {
  public:
    SnapshotStaging(const Layout& layout, const std::string& id);

    /// The jail must not run, or be paused.
    FreezeMeans freeze_data(const std::string& jail_id);
    void freeze_config(const std::string& jail_id, std::int64_t generation);
    std::uint64_t size_bytes() const;
    enum class Known {
        after_commit, ///< the caller's; until then sweep_snapshots() would remove it
        by_note,      ///< the catalog has noted it already
    };
    /// Writes snapshot.json, syncs, renames to snapshots/<id>.
    void place(const std::string& record, Known known);

  private:
    const Layout& layout_;
    Staged staged_;
};

/// Copies what a snapshot holds into the jail beside what the jail uses: the configuration of generation
/// `generation`, which the catalog does not know yet, and jails/<id>/new-data. Synced.
void prepare_restore(const Layout& layout, const std::string& snapshot_id, const std::string& jail_id,
                     std::int64_t generation);
/// Removes what prepare_restore made. Missing is fine.
void discard_restore(const Layout& layout, const std::string& jail_id, std::int64_t generation);
/// The jail's data become the snapshot's: jails/<jail>/data is renamed to snapshots/<snapshot>/data.
void set_data_aside(const Layout& layout, const std::string& jail_id, const std::string& snapshot_id);
/// jails/<id>/new-data becomes jails/<id>/data, which must be free.
void place_restored_data(const Layout& layout, const std::string& jail_id);
/// Undoes set_data_aside and place_restored_data from wherever they were cut, and removes the snapshot.
void take_data_back(const Layout& layout, const std::string& jail_id, const std::string& snapshot_id);

/// Removes snapshots/<id>, which the catalog has forgotten. Missing is fine.
void remove_snapshot(const Layout& layout, const std::string& id);

} // namespace pkgjail::store
