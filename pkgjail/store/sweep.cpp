#include "pkgjail/store/sweep.hpp"

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/look.hpp"
#include "pkgjail/base/tree.hpp"
#include "pkgjail/store/committed.hpp"
#include "pkgjail/store/freeze.hpp"
#include "pkgjail/store/jail_files.hpp"
#include "pkgjail/store/zfs.hpp"

namespace pkgjail::store {

using base::RootPath;
using base::Tree;

namespace {

/// A directory listing may give any name.
RootPath named(const std::string& name) {
    return RootPath().entry(name);
}

void remove_catalog(const base::HostPath& file) {
    for (const char* suffix : catalog_suffixes)
        base::remove_entry(file.string() + suffix);
}

class Sweep {
  public:
    Sweep(const Layout& layout, const Known& known) : layout_(layout), known_(known) {}

    Swept run() {
        const Tree images = Tree::open(layout_.images());
        for (const std::string& name : images.list(RootPath()))
            attempt(name, [&] { sweep_image(images, name); });
        const Tree jails = Tree::open(layout_.jails());
        for (const std::string& name : jails.list(RootPath()))
            if (const auto jail = Layout::kept_jail(name))
                attempt(name, [&] { settle_kept_data(jails, name, *jail); });
        for (const std::string& name : jails.list(RootPath())) // again: settling has renamed some
            if (!Layout::kept_jail(name))
                attempt(name, [&] { sweep_jail(jails, name); });
        return std::move(swept_);
    }

  private:
    template <class Work>
    void attempt(const std::string& name, Work&& work) {
        try {
            work();
        } catch (const base::Error& error) {
            swept_.failed.push_back(name + ": " + error.what());
        }
    }

    void sweep_image(const Tree& images, const std::string& name) {
        if (Layout::is_staging(name) || Layout::is_trash(name)) {
            images.remove_all(named(name));
            swept_.removed.push_back("half-built or half-removed image " + name);
            return;
        }
        if (known_.image(name))
            return;
        // Under its own name an image is whole or not there.
        const RootPath trash = named(layout_.image_trash(base::random_hex(8)).filename().string());
        images.rename_into(named(name), images, trash);
        base::sync_directory(layout_.images());
        images.remove_all(trash);
        swept_.removed.push_back(fmt::format("image {} that was never recorded", name.substr(0, 12)));
    }

    void sweep_jail(const Tree& jails, const std::string& name) {
        const bool temporary = Layout::is_staging(name) || Layout::is_trash(name);
        if (!temporary && has_only_data(jails, name))
            return;
        if (!temporary && known_.jail(name))
            return mark_committed(layout_.jails() / name);
        if (!temporary && stays_unknown(jails, name))
            return;
        const auto mounted = Zfs::host().other_mounts_below(layout_.jails() / name);
        if (!mounted.empty()) // whole or not at all: somebody may still work in it
            throw base::Error(base::ErrorKind::busy, mounted.front(), "is still mounted", "unmount it");
        if (temporary)
            remove_frozen(layout_.jails() / name);
        else
            remove_marked(layout_.jails() / name, layout_.jail_trash(base::random_hex(8)));
        swept_.removed.push_back(temporary ? "half-made or half-removed jail " + name
                                           : fmt::format("jail {} that was never recorded", name));
    }

    /// The states between the renames of remove_jail_but_data().
    void settle_kept_data(const Tree& jails, const std::string& keeping, const std::string& id) {
        if (!jails.exists(named(keeping) / "data")) { // cut before anything was moved
            jails.remove_all(named(keeping));
            swept_.removed.push_back("empty directory " + keeping);
            return;
        }
        if (known_.jail(id)) {
            // Nothing of the trash has been deleted before `keeping` got the jail's name.
            if (!jails.exists(named(id)))
                move_frozen(layout_.jail_trash(id), layout_.jail(id));
            move_frozen(layout_.jails() / keeping / "data", layout_.jail_data(id));
            jails.remove_all(named(keeping));
            swept_.removed.push_back(
                fmt::format("half-done removal of jail {}, which has its data again", id));
        } else {
            if (jails.exists(named(id)))
                move_frozen(layout_.jail(id), layout_.jail_trash(id));
            move_frozen(layout_.jails() / keeping, layout_.jail(id));
            swept_.removed.push_back(fmt::format("half-done removal of jail {}, whose data are kept", id));
        }
        base::sync_directory(layout_.jails());
    }

    const Layout& layout_;
    const Known& known_;
    Swept swept_;
};

} // namespace

Swept sweep(const Layout& layout, const Known& known) {
    return Sweep(layout, known).run();
}

Swept sweep_unplaced_files(const Layout& layout) {
    Swept swept;
    for (const base::HostPath& directory : {layout.jails(), layout.snapshots(), layout.volumes()}) {
        const Tree all = Tree::open(directory);
        for (const std::string& name : all.list(RootPath())) {
            try {
                const auto entry = all.stat(named(name));
                if (!entry || !entry->is_directory())
                    continue;
                for (const std::string& file : all.list(named(name)))
                    if (file.starts_with(".pkgjail-"))
                        all.remove_all(named(name).entry(file));
            } catch (const base::Error& error) {
                swept.failed.push_back(name + ": " + error.what());
            }
        }
    }
    try {
        remove_catalog_staging(layout);
        remove_catalog_copy(layout);
    } catch (const base::Error& error) {
        swept.failed.push_back(error.what());
    }
    return swept;
}

void remove_catalog_staging(const Layout& layout) {
    remove_catalog(layout.catalog_staging());
}

void remove_catalog_copy(const Layout& layout) {
    remove_catalog(layout.catalog_copy());
}

} // namespace pkgjail::store
