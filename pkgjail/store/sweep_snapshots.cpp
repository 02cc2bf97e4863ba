#include "pkgjail/store/sweep_snapshots.hpp"

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/tree.hpp"
#include "pkgjail/store/committed.hpp"
#include "pkgjail/store/freeze.hpp"

namespace pkgjail::store {

using base::RootPath;
using base::Tree;

namespace {

/// One thing that cannot be removed, or of which nobody can say whether it is known, does not keep the
/// others.
template <class Work>
void attempt(const std::string& what, Swept& swept, Work&& work) {
    try {
        work();
    } catch (const base::Error& error) {
        swept.failed.push_back(what + ": " + error.what());
    }
}

void remove(const base::HostPath& path, const std::string& what, Swept& swept) {
    attempt(what, swept, [&] {
        remove_frozen(path);
        swept.removed.push_back(what);
    });
}

} // namespace

Swept sweep_snapshots(const Layout& layout,
                      const std::function<bool(const std::string& snapshot_id)>& known) {
    Swept swept;
    const Tree snapshots = Tree::open(layout.snapshots());
    for (const std::string& name : snapshots.list(RootPath())) {
        if (Layout::is_staging(name) || Layout::is_trash(name))
            remove(layout.snapshots() / name, "half-made or half-removed snapshot " + name, swept);
        else
            attempt("snapshot " + name, swept, [&] {
                if (known(name))
                    return mark_committed(layout.snapshots() / name);
                if (stays_unknown(snapshots, name))
                    return;
                remove_marked(layout.snapshots() / name, layout.snapshot_trash(base::random_hex(8)));
                swept.removed.push_back(fmt::format("snapshot {} that was never recorded", name));
            });
    }
    const Tree jails = Tree::open(layout.jails());
    for (const std::string& name : jails.list(RootPath())) {
        const RootPath prepared =
            RootPath().entry(name).entry(layout.jail_new_data(name).filename().string());
        attempt("jail " + name, swept, [&] {
            const auto jail = jails.stat(RootPath().entry(name));
            if (jail && jail->is_directory() && jails.exists(prepared))
                remove(layout.jail_new_data(name),
                       fmt::format("data that were to be restored in jail {}", name), swept);
        });
    }
    return swept;
}

} // namespace pkgjail::store
