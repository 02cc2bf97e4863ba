#include "pkgjail/store/sweep_snapshots.hpp"

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/tree.hpp"
#include "pkgjail/store/freeze.hpp"

namespace pkgjail::store {

using base::RootPath;
using base::Tree;

namespace {

/// One thing that cannot be removed does not keep the others.
void remove(const base::HostPath& path, const std::string& what, Swept& swept) {
    try {
        remove_frozen(path);
        swept.removed.push_back(what);
    } catch (const base::Error& error) {
        swept.failed.push_back(what + ": " + error.what());
    }
}

} // namespace

Swept sweep_snapshots(const Layout& layout,
                      const std::function<bool(const std::string& snapshot_id)>& known) {
    Swept swept;
    const Tree snapshots = Tree::open(layout.snapshots());
    for (const std::string& name : snapshots.list(RootPath())) {
        const bool temporary = Layout::is_staging(name) || Layout::is_trash(name);
        if (!temporary && known(name))
            continue;
        remove(layout.snapshots() / name,
               temporary ? "half-made or half-removed snapshot " + name
                         : fmt::format("snapshot {} that was never recorded", name),
               swept);
    }
    const Tree jails = Tree::open(layout.jails());
    for (const std::string& name : jails.list(RootPath())) {
        const RootPath prepared =
            RootPath().entry(name).entry(layout.jail_new_data(name).filename().string());
        const auto jail = jails.stat(RootPath().entry(name));
        if (jail && jail->is_directory() && jails.exists(prepared))
            remove(layout.jail_new_data(name), fmt::format("data that were to be restored in jail {}", name),
                   swept);
    }
    return swept;
}

} // namespace pkgjail::store
