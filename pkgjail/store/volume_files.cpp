#include "pkgjail/store/volume_files.hpp"

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/mounts.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/store/owner.hpp"
#include "pkgjail/store/staged.hpp"

namespace pkgjail::store {

using base::Error;
using base::ErrorKind;
using base::RootPath;
using base::Tree;

namespace {

RootPath named(const std::string& name) {
    return RootPath().entry(name);
}

/// Whatever runs with it has it mounted in a namespace of its own; here it may be an operator's own mount.
void require_unmounted(const base::HostPath& path) {
    const auto mounted = base::mounts_below(path);
    if (!mounted.empty())
        throw Error(ErrorKind::busy, path.string(), fmt::format("{} is mounted in it", mounted.front()),
                    "unmount it, and try again");
}

} // namespace

void create_volume(const Layout& layout, const std::string& id, const std::string& record) {
    Staged staged(layout.volume_staging(id), layout.volume(id));
    staged.tree("").make_directory(RootPath::parse("/data"), 0755);
    staged.place("volume.json", record, "volume");
}

bool take_mount_point_owner(const Layout& layout, const std::string& id, const RootPath& path,
                            const std::vector<Tree>& trees) {
    for (const Tree& tree : trees) {
        const auto entry = tree.stat(path);
        if (!entry || !entry->is_directory())
            continue;
        const Tree volume = Tree::open(layout.volume(id));
        const RootPath data = RootPath::parse("/data");
        volume.set_owner(data, permitted_owner({entry->status.st_uid, entry->status.st_gid}));
        volume.set_permissions(data, entry->permissions());
        return true;
    }
    return false;
}

void remove_volume(const Layout& layout, const std::string& id, const std::function<void()>& forget) {
    const Tree volumes = Tree::open(layout.volumes());
    if (volumes.exists(named(id))) {
        require_unmounted(layout.volume(id));
        volumes.rename_into(named(id), volumes, name_of(layout.volume_trash(id)));
        base::sync_directory(layout.volumes());
        base::step("volume.trashed");
    }
    try {
        forget();
    } catch (...) {
        volumes.rename_into(name_of(layout.volume_trash(id)), volumes, named(id));
        throw;
    }
    base::step("volume.forgotten");
    volumes.remove_all(name_of(layout.volume_trash(id)));
}

Swept sweep_volumes(const Layout& layout, const std::function<bool(const std::string& id)>& known) {
    Swept swept;
    const Tree volumes = Tree::open(layout.volumes());
    for (const std::string& name : volumes.list(RootPath())) {
        try {
            constexpr std::string_view gone = "gone-";
            if (Layout::is_trash(name) && known(name.substr(gone.size()))) {
                volumes.rename_into(named(name), volumes, named(name.substr(gone.size())));
                base::sync_directory(layout.volumes());
                swept.removed.push_back(fmt::format("half-done removal of volume {}, which is there again",
                                                    name.substr(gone.size())));
                continue;
            }
            const bool temporary = Layout::is_staging(name) || Layout::is_trash(name);
            if (!temporary) {
                const RootPath data = named(name) / "data";
                const auto entry = volumes.stat(data);
                if (known(name) || !entry || !entry->is_directory() || !volumes.list(data).empty())
                    continue;
            }
            require_unmounted(layout.volumes() / name);
            volumes.remove_all(named(name));
            swept.removed.push_back(temporary ? "half-made or half-removed volume " + name
                                              : fmt::format("empty volume {} that was never recorded", name));
        } catch (const Error& error) {
            swept.failed.push_back(name + ": " + error.what());
        }
    }
    return swept;
}

} // namespace pkgjail::store
