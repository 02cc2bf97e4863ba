#include "pkgjail/store/freeze.hpp"

#include <set>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/reflink.hpp"
#include "pkgjail/base/subvolume.hpp"
#include "pkgjail/store/layout.hpp"
#include "pkgjail/store/zfs.hpp"

namespace pkgjail::store {

using base::Entry;
using base::Error;
using base::ErrorKind;
using base::Fd;
using base::HostPath;
using base::RootPath;
using base::Tree;

std::string_view freeze_means_name(FreezeMeans means) {
    switch (means) {
    case FreezeMeans::subvolume:
        return "subvolume";
    case FreezeMeans::dataset:
        return "dataset";
    case FreezeMeans::reflink:
        return "reflink";
    case FreezeMeans::copy:
        return "copy";
    }
    return "";
}

bool can_reflink(const Tree& directory) {
    const RootPath from = RootPath::parse(".pkgjail-" + base::random_hex(12));
    const RootPath to = RootPath::parse(".pkgjail-" + base::random_hex(12));
    try {
        bool shares = false;
        {
            const Fd written = directory.create_file(from);
            base::write_all(written.get(), "shared or not\n", directory.show(from));
            shares = base::reflink(directory.open_regular(from), directory.create_file(to));
        }
        directory.remove_file(from);
        directory.remove_file(to);
        return shares;
    } catch (...) {
        directory.remove_file(from);
        directory.remove_file(to);
        throw;
    }
}

FreezeMeans freeze(const HostPath& from, const HostPath& to) {
    const Tree source = Tree::open(from);
    const Tree parent = Tree::open(to.parent_path());
    if (base::is_subvolume(source.fd(), source.name())) {
        if (base::holds_subvolumes(source.fd(), source.name()))
            throw Error(ErrorKind::conflict, from.string(),
                        "holds btrfs subvolumes of its own, which a copy of it would leave out",
                        "replace them by directories");
        if (base::copy_subvolume(source.fd(), parent.fd(), name_of(to).name(), source.name()))
            return FreezeMeans::subvolume;
    }
    if (Zfs::host().copy(from, to))
        return FreezeMeans::dataset;
    parent.make_directory(name_of(to), 0755);
    const bool shares = can_reflink(parent);
    source.copy_into(Tree::open(to));
    return shares ? FreezeMeans::reflink : FreezeMeans::copy;
}

void make_freezable_directory(const HostPath& path) {
    const Tree above = Tree::open(path.parent_path());
    if (base::make_subvolume(above.fd(), name_of(path).name(), above.name()))
        return;
    if (!Zfs::host().make(path))
        above.make_directory(name_of(path), 0755);
    else
        above.set_permissions(name_of(path), 0755);
}

void move_frozen(const HostPath& from, const HostPath& to) {
    const Tree before = Tree::open(from.parent_path());
    if (Zfs::host().move(from, to)) {
        before.remove_all(name_of(from)); // the empty directory that it was mounted on
    } else {
        before.rename_into(name_of(from), Tree::open(to.parent_path()), name_of(to));
        Zfs::host().follow_rename(from, to);
    }
    base::sync_directory(to.parent_path());
    if (from.parent_path() != to.parent_path())
        base::sync_directory(from.parent_path());
}

void remove_frozen(const HostPath& path) {
    Zfs::host().remove(path);
    Tree::open(path.parent_path()).remove_all(name_of(path));
}

std::uint64_t size_of(const HostPath& directory) {
    std::uint64_t sum = 0;
    std::set<std::pair<dev_t, ino_t>> counted;
    Tree::open(directory).walk([&](const Entry& entry) {
        if (entry.is_file() &&
            (entry.status.st_nlink == 1 || counted.emplace(entry.status.st_dev, entry.status.st_ino).second))
            sum += static_cast<std::uint64_t>(entry.status.st_size);
        return true;
    });
    return sum;
}

} // namespace pkgjail::store
