#include "pkgjail/store/snapshot_files.hpp"

#include "pkgjail/base/look.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/store/committed.hpp"
#include "pkgjail/store/sync.hpp"

namespace pkgjail::store {

using base::RootPath;
using base::Tree;

SnapshotStaging::SnapshotStaging(const Layout& layout, const std::string& id)
    : layout_(layout), staged_(layout.snapshot_staging(id), layout.snapshot(id)) {}

FreezeMeans SnapshotStaging::freeze_data(const std::string& jail_id) {
    return freeze(layout_.jail_data(jail_id), staged_.path() / "data");
}

void SnapshotStaging::freeze_config(const std::string& jail_id, std::int64_t generation) {
    freeze(layout_.jail_config(jail_id, generation), staged_.path() / "config");
}

std::uint64_t SnapshotStaging::size_bytes() const {
    std::uint64_t sum = 0;
    for (const char* part : {"config", "data"})
        if (base::exists(staged_.path() / part))
            sum += size_of(staged_.path() / part);
    return sum;
}

void SnapshotStaging::place(const std::string& record, Known known) {
    if (known == Known::after_commit)
        mark_uncommitted(staged_.tree(""));
    staged_.place("snapshot.json", record, "snapshot");
}

void prepare_restore(const Layout& layout, const std::string& snapshot_id, const std::string& jail_id,
                     std::int64_t generation) {
    discard_restore(layout, jail_id, generation);
    freeze(layout.snapshot_config(snapshot_id), layout.jail_config(jail_id, generation));
    base::step("restore.config_copied");
    freeze(layout.snapshot_data(snapshot_id), layout.jail_new_data(jail_id));
    sync_with_data(Tree::open(layout.jail(jail_id)), Tree::open(layout.jail_new_data(jail_id)));
}

void discard_restore(const Layout& layout, const std::string& jail_id, std::int64_t generation) {
    remove_frozen(layout.jail_new_data(jail_id));
    remove_frozen(layout.jail_config(jail_id, generation));
}

void set_data_aside(const Layout& layout, const std::string& jail_id, const std::string& snapshot_id) {
    move_frozen(layout.jail_data(jail_id), layout.snapshot_data(snapshot_id));
}

void place_restored_data(const Layout& layout, const std::string& jail_id) {
    move_frozen(layout.jail_new_data(jail_id), layout.jail_data(jail_id));
}

void take_data_back(const Layout& layout, const std::string& jail_id, const std::string& snapshot_id) {
    if (Tree::open(layout.snapshots()).exists(RootPath::parse(snapshot_id) / "data")) {
        if (Tree::open(layout.jail(jail_id)).exists(name_of(layout.jail_data(jail_id)))) {
            remove_frozen(layout.jail_new_data(jail_id));
            move_frozen(layout.jail_data(jail_id), layout.jail_new_data(jail_id));
        }
        move_frozen(layout.snapshot_data(snapshot_id), layout.jail_data(jail_id));
    }
    remove_frozen(layout.jail_new_data(jail_id));
    remove_snapshot(layout, snapshot_id);
}

void remove_snapshot(const Layout& layout, const std::string& id) {
    const Tree snapshots = Tree::open(layout.snapshots());
    if (snapshots.exists(RootPath::parse(id))) {
        move_frozen(layout.snapshot(id), layout.snapshot_trash(id));
        base::step("snapshot.trashed");
    }
    remove_frozen(layout.snapshot_trash(id));
}

} // namespace pkgjail::store
