#include "pkgjail/store/snapshot_files.hpp"

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/store/owner.hpp"

namespace pkgjail::store {

using base::HostPath;
using base::RootPath;
using base::Tree;

namespace {

RootPath name_of(const HostPath& path) {
    return RootPath::parse(path.filename().string());
}

/// A rename that is on disk before anything else happens.
void move(const HostPath& from, const HostPath& to) {
    Tree::open(from.parent_path()).rename_into(name_of(from), Tree::open(to.parent_path()), name_of(to));
    base::sync_directory(to.parent_path());
    base::sync_directory(from.parent_path());
}

} // namespace

SnapshotStaging::SnapshotStaging(const Layout& layout, std::string id)
    : layout_(layout), id_(std::move(id)), snapshots_(Tree::open(layout.snapshots())) {
    snapshots_.make_directory(name_of(layout_.snapshot_staging(id_)), 0700);
}

SnapshotStaging::~SnapshotStaging() {
    if (placed_)
        return;
    try {
        snapshots_.remove_all(name_of(layout_.snapshot_staging(id_)));
    } catch (const base::Error&) {
        // Nothing refers to it; sweep_snapshots() tries again at the next command.
    }
}

FreezeMeans SnapshotStaging::freeze_data(const std::string& jail_id) {
    return freeze(layout_.jail_data(jail_id), layout_.snapshot_staging(id_) / "data");
}

void SnapshotStaging::freeze_config(const std::string& jail_id, std::int64_t generation) {
    freeze(layout_.jail_config(jail_id, generation), layout_.snapshot_staging(id_) / "config");
}

std::uint64_t SnapshotStaging::size_bytes() const {
    std::uint64_t sum = 0;
    for (const char* part : {"config", "data"})
        if (snapshots_.exists(name_of(layout_.snapshot_staging(id_)) / part))
            sum += size_of(layout_.snapshot_staging(id_) / part);
    return sum;
}

void SnapshotStaging::place(const std::string& record) {
    const Tree top = snapshots_.open_tree(name_of(layout_.snapshot_staging(id_)));
    top.write(RootPath::parse("/snapshot.json"), record, 0600, permitted_owner());
    base::sync_file_system(top.fd());
    base::step("snapshot.synced");
    base::rename_durably(layout_.snapshot_staging(id_), layout_.snapshot(id_));
    placed_ = true;
    base::step("snapshot.placed");
}

void prepare_restore(const Layout& layout, const std::string& snapshot_id, const std::string& jail_id,
                     std::int64_t generation) {
    discard_restore(layout, jail_id, generation);
    freeze(layout.snapshot_config(snapshot_id), layout.jail_config(jail_id, generation));
    base::step("restore.config_copied");
    freeze(layout.snapshot_data(snapshot_id), layout.jail_new_data(jail_id));
    base::sync_file_system(Tree::open(layout.jail(jail_id)).fd());
}

void discard_restore(const Layout& layout, const std::string& jail_id, std::int64_t generation) {
    const Tree jail = Tree::open(layout.jail(jail_id));
    jail.remove_all(name_of(layout.jail_new_data(jail_id)));
    jail.remove_all(RootPath::parse("/config") / std::to_string(generation));
}

void set_data_aside(const Layout& layout, const std::string& jail_id, const std::string& snapshot_id) {
    move(layout.jail_data(jail_id), layout.snapshot_data(snapshot_id));
}

void place_restored_data(const Layout& layout, const std::string& jail_id) {
    move(layout.jail_new_data(jail_id), layout.jail_data(jail_id));
}

void take_data_back(const Layout& layout, const std::string& jail_id, const std::string& snapshot_id) {
    const Tree snapshots = Tree::open(layout.snapshots());
    const Tree jail = Tree::open(layout.jail(jail_id));
    if (snapshots.exists(RootPath::parse(snapshot_id) / "data")) {
        if (jail.exists(RootPath::parse("/data"))) {
            jail.remove_all(name_of(layout.jail_new_data(jail_id)));
            move(layout.jail_data(jail_id), layout.jail_new_data(jail_id));
        }
        move(layout.snapshot_data(snapshot_id), layout.jail_data(jail_id));
    }
    jail.remove_all(name_of(layout.jail_new_data(jail_id)));
    remove_snapshot(layout, snapshot_id);
}

void remove_snapshot(const Layout& layout, const std::string& id) {
    const Tree snapshots = Tree::open(layout.snapshots());
    const RootPath trash = name_of(layout.snapshot_trash(id));
    if (snapshots.exists(RootPath::parse(id))) {
        snapshots.rename_into(RootPath::parse(id), snapshots, trash);
        base::sync_directory(layout.snapshots());
        base::step("snapshot.trashed");
    }
    snapshots.remove_all(trash);
}

} // namespace pkgjail::store
