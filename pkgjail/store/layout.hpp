// What every file below the state directory is called. Nobody else makes up such a name.
//
//     catalog.sqlite                      the catalog
//     cache/                              package archives by digest, indexes while they are read
//     images/<id>/{tree,seed,manifest,image.json}   sealed images
//     jails/<id>/{config,data,root,jail.json}       a jail's writable files and its skeleton
//     snapshots/<id>/{config,data,snapshot.json}    frozen copies of a jail's configuration and data
//     volumes/<id>/{data,volume.json}               directories that outlive jails
//     secrets/<jail id>/<name>                      files for the eyes of one jail's service
//     log/<jail>.log   run/<id>/   run/oci   run/kmod   lock/
//
// Beside images, jails, snapshots and volumes, for as long as a command runs: new-<…> is being made, gone-<…>
// is being removed, keep-<id> holds the data of a jail that goes without it; jails/<id>/new-data is what a
// restore is about to put in place, <id>/uncommitted a mark. What a dead command left of them, sweeps clear.
//
// Configuration belongs to a generation: jails/<id>/config/<number>; data does not. Both mirror the jail's
// own paths: jails/<id>/config/1/etc, jails/<id>/config/1/usr/pkg/etc, jails/<id>/data/var; so do an image's
// seed/config and seed/data. tree/ is what a jail sees at its prefix. Beside them, where no jail sees it, a
// configuration holds .pkgjail/: the recipe's files as they were rendered, and what is about to be put in
// place.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pkgjail/base/lock.hpp"
#include "pkgjail/base/path.hpp"

namespace pkgjail::store {

/// The last component, for use in the tree of the directory above.
inline base::RootPath name_of(const base::HostPath& path) {
    return base::RootPath().entry(path.filename().string());
}

class Layout {
  public:
    explicit Layout(base::HostPath state) : state_(std::move(state)) {}

    const base::HostPath& state() const { return state_; }
    base::HostPath catalog() const { return state_ / "catalog.sqlite"; }
    /// A catalog that is being made from what lies on disk.
    base::HostPath catalog_staging() const { return state_ / "new-catalog.sqlite"; }
    /// What a rebuild reads in the place of the catalog that it found.
    base::HostPath catalog_copy() const { return state_ / "new-catalog-copy.sqlite"; }
    /// Where a catalog goes that a new one takes the place of.
    base::HostPath catalog_aside(const std::string& when) const {
        return state_ / ("catalog.sqlite." + when);
    }
    base::HostPath cache() const { return state_ / "cache"; }
    base::HostPath images() const { return state_ / "images"; }
    base::HostPath image(const std::string& id) const { return images() / id; }
    base::HostPath image_tree(const std::string& id) const { return image(id) / "tree"; }
    base::HostPath image_seed(const std::string& id) const { return image(id) / "seed"; }
    base::HostPath image_manifest(const std::string& id) const { return image(id) / "manifest"; }
    base::HostPath image_record(const std::string& id) const { return image(id) / "image.json"; }
    base::HostPath image_staging(const std::string& random) const { return images() / ("new-" + random); }
    base::HostPath image_trash(const std::string& random) const { return images() / ("gone-" + random); }
    base::HostPath jails() const { return state_ / "jails"; }
    base::HostPath jail(const std::string& id) const { return jails() / id; }
    base::HostPath jail_configs(const std::string& id) const { return jail(id) / "config"; }
    /// The configuration of one generation, 1, 2, …; the current generation's is what the jail sees.
    base::HostPath jail_config(const std::string& id, std::int64_t generation) const {
        return jail_configs(id) / std::to_string(generation);
    }
    /// What a configuration holds for pkgjail itself, as a path in it.
    static base::RootPath own_files() { return base::RootPath::parse("/.pkgjail"); }
    base::HostPath jail_data(const std::string& id) const { return jail(id) / "data"; }
    base::HostPath jail_root(const std::string& id) const { return jail(id) / "root"; }
    base::HostPath jail_record(const std::string& id) const { return jail(id) / "jail.json"; }
    base::HostPath jail_staging(const std::string& id) const { return jails() / ("new-" + id); }
    base::HostPath jail_trash(const std::string& id) const { return jails() / ("gone-" + id); }
    base::HostPath jail_keeping(const std::string& id) const { return jails() / ("keep-" + id); }
    /// Data that are to become the jail's.
    base::HostPath jail_new_data(const std::string& id) const { return jail(id) / "new-data"; }
    /// Where something may lie in its data that a new image's seed adds and that has no name yet.
    base::HostPath jail_unplaced(const std::string& id) const { return jail(id) / "unplaced"; }
    base::HostPath snapshots() const { return state_ / "snapshots"; }
    base::HostPath snapshot(const std::string& id) const { return snapshots() / id; }
    base::HostPath snapshot_config(const std::string& id) const { return snapshot(id) / "config"; }
    base::HostPath snapshot_data(const std::string& id) const { return snapshot(id) / "data"; }
    base::HostPath snapshot_staging(const std::string& id) const { return snapshots() / ("new-" + id); }
    base::HostPath snapshot_trash(const std::string& id) const { return snapshots() / ("gone-" + id); }
    base::HostPath volumes() const { return state_ / "volumes"; }
    base::HostPath volume(const std::string& id) const { return volumes() / id; }
    base::HostPath volume_data(const std::string& id) const { return volume(id) / "data"; }
    base::HostPath volume_record(const std::string& id) const { return volume(id) / "volume.json"; }
    base::HostPath volume_staging(const std::string& id) const { return volumes() / ("new-" + id); }
    base::HostPath volume_trash(const std::string& id) const { return volumes() / ("gone-" + id); }
    static bool is_staging(const std::string& name) { return name.starts_with("new-"); }
    static bool is_trash(const std::string& name) { return name.starts_with("gone-"); }
    /// The jail's id when it is the name of a jail_keeping().
    static std::optional<std::string> kept_jail(const std::string& name);
    /// Files that only pkgjail and one jail's service read, by the jail's id.
    base::HostPath secrets() const { return state_ / "secrets"; }
    base::HostPath jail_secrets(const std::string& id) const { return secrets() / id; }
    base::HostPath secret(const std::string& id, const std::string& name) const {
        return jail_secrets(id) / name;
    }
    base::HostPath logs() const { return state_ / "log"; }
    base::HostPath log(const std::string& jail) const { return logs() / (jail + ".log"); }
    base::HostPath build_log(const std::string& jail) const { return logs() / (jail + ".build.log"); }
    base::HostPath runs() const { return state_ / "run"; }
    base::HostPath run(const std::string& id) const { return runs() / id; }
    base::HostPath locks() const { return state_ / "lock"; }
    base::HostPath jail_lock(const std::string& name) const { return locks() / ("jail-" + name); }
    base::HostPath image_lock(const std::string& build_key) const {
        return locks() / ("image-" + build_key.substr(0, 32));
    }
    base::HostPath store_lock() const { return locks() / "store"; }
    base::HostPath runs_lock() const { return locks() / "runs"; }

    /// Makes what is missing (all 0700). Error{denied} or Error{conflict} naming the path when the state
    /// directory, or one below, is a link, is owned by somebody else, or can be written by group or others;
    /// or when everybody may replace it, because a directory above can be written by others and is not
    /// sticky.
    void create() const;
    /// For reading verbs: the same checks, nothing made. False when there is no state yet.
    bool check() const;

  private:
    base::HostPath state_;
};

} // namespace pkgjail::store
