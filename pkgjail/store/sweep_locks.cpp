#include "pkgjail/store/sweep_locks.hpp"

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/lock.hpp"
#include "pkgjail/base/tree.hpp"

namespace pkgjail::store {

Swept sweep_locks(const Layout& layout, const std::set<std::string>& used) {
    Swept swept;
    const base::Tree locks = base::Tree::open(layout.locks());
    for (const std::string& name : locks.list(base::RootPath())) {
        const base::HostPath file = layout.locks() / name;
        if (file == layout.store_lock() || used.contains(name))
            continue;
        try {
            // Held while it is removed: who waits for it, or has just opened it, takes another one.
            if (const auto lock = base::Lock::try_take(file, base::LockMode::exclusive, "sweep"))
                locks.remove_file(base::RootPath().entry(name));
        } catch (const base::Error& error) {
            swept.failed.push_back("lock/" + name + ": " + error.what());
        }
    }
    return swept;
}

} // namespace pkgjail::store
