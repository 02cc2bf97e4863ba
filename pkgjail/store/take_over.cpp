#include "pkgjail/store/take_over.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/core.h>

#include "pkgjail/base/bare_copy.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/mounts.hpp"
#include "pkgjail/store/foreign_owners.hpp"

namespace pkgjail::store {

using base::Entry;
using base::Error;
using base::ErrorKind;
using base::Owner;
using base::RootPath;
using base::Tree;

namespace {

Owner owner_of(const Entry& entry) {
    return {entry.status.st_uid, entry.status.st_gid};
}

bool same_file(const Tree& a, const Entry& in_a, const Tree& b, const Entry& in_b) {
    if (in_a.is_symlink() && in_b.is_symlink())
        return in_a.link_target == in_b.link_target;
    constexpr off_t longest = off_t{16} << 20;
    return in_a.is_file() && in_b.is_file() && in_a.status.st_size == in_b.status.st_size &&
           in_a.status.st_size <= longest && a.read(in_a.path, longest) == b.read(in_b.path, longest);
}

bool is_access_list(const std::string& attribute) {
    return attribute.starts_with("system.") && attribute.find("acl") != std::string::npos;
}

/// What the owning group may itself, as bits of a mode, by Linux' form of an access list (posix_acl_xattr.h:
/// 4 bytes of version, then entries of a tag and permissions of 2 bytes each and an id of 4, little-endian).
unsigned group_of_list(const std::string& list) {
    constexpr unsigned owning_group = 4;
    const auto at = [&](std::size_t place) { return static_cast<unsigned char>(list[place]); };
    for (std::size_t place = 4; place + 8 <= list.size(); place += 8)
        if ((at(place) | at(place + 1) << 8u) == owning_group)
            return (at(place + 2) & 7u) << 3u;
    return 0;
}

/// Where there is an access list the group's bits of a mode are the list's mask: without the list the owning
/// group would have what was given to others. Of lists of other forms nothing is known: it has nothing then.
unsigned mode_without_list(unsigned mode, const base::Attributes& lost) {
    for (const auto& [name, value] : lost)
        if (name == "system.posix_acl_access")
            mode &= ~070u | group_of_list(value);
        else if (is_access_list(name) && name != "system.posix_acl_default")
            mode &= ~070u;
    return mode;
}

/// One of the trees that something is taken from, and where it goes. Without a target it only tells.
class Mover {
  public:
    Mover(const Tree& from, const RootPath& shown, const Tree* to, ForeignOwners* owners,
          std::vector<LeftBehind>& left)
        : from_(from), shown_(shown), to_(to), owners_(owners), left_(left) {}

    /// A file, a link or a directory without what is in it, to the same path; its parent is there.
    void move(const Entry& entry, Owner otherwise) {
        if (to_ != nullptr && !entry.is_directory() && to_->exists(entry.path))
            to_->remove_all(entry.path);
        // What counts is the file that was read: whoever has the directory may put another one in its place
        // at any time, for example one that is root's and nobody else may read.
        const base::BareCopy copy = copy_of(entry);
        if (entry.is_directory())
            way_.push_back({entry.path, copy.status.st_dev, copy.status.st_ino});
        const bool is_root = ::geteuid() == 0;
        if (to_ != nullptr && is_root)
            to_->set_owner(entry.path, owners_->here(copy.status, otherwise));
        if (entry.is_symlink())
            return;
        const unsigned had = copy.status.st_mode & 07777u;
        const unsigned listless = mode_without_list(had, copy.left_out);
        tell_lost(entry.path, copy.left_out, had, listless);
        // A directory's set-group-id says who owns what is made in it.
        const unsigned kept = entry.is_directory() ? 07777u : 01777u;
        if ((had & ~kept) != 0)
            tell(entry.path, fmt::format("was set-id (mode {:04o}), and is not any more", had));
        if (to_ != nullptr)
            to_->set_permissions(entry.path, listless & kept);
    }

    void tell(const RootPath& path, const std::string& why, const std::string& remedy = {}) {
        left_.push_back({shown(path), why, remedy});
    }
    std::string shown(const RootPath& path) const {
        if (path.is_root())
            return shown_.str();
        return shown_.is_root() ? path.str() : shown_.str() + path.str();
    }

  private:
    struct Directory {
        RootPath path;
        dev_t device;
        ino_t inode;
    };

    /// What is in a directory is read by way of the very directory that was taken: one that was closed to
    /// others, put into the place of an open one, would be open in the jail.
    base::BareCopy copy_of(const Entry& entry) {
        const RootPath parent = entry.path.parent();
        while (!way_.empty() && !parent.is_within(way_.back().path))
            way_.pop_back();
        if (entry.path.is_root())
            return base::copy_bare(from_, entry, to_);
        const Tree there = from_.open_tree(parent);
        const RootPath name = RootPath().entry(entry.path.name());
        const auto now = there.stat(name);
        struct stat status {};
        if (::fstat(there.fd().get(), &status) != 0)
            throw base::system_error(errno, there.name(), "fstat");
        const bool is_taken_one = way_.empty() || way_.back().path != parent ||
                                  (status.st_dev == way_.back().device && status.st_ino == way_.back().inode);
        if (!is_taken_one || !now || (now->status.st_mode & S_IFMT) != (entry.status.st_mode & S_IFMT))
            throw Error(ErrorKind::busy, from_.show(is_taken_one ? entry.path : parent),
                        "changes while it is read", "stop what runs there, and import it again");
        if (to_ == nullptr)
            return base::copy_bare(there, *now, nullptr);
        const Tree target = to_->open_tree(parent);
        return base::copy_bare(there, *now, &target);
    }

    void tell_lost(const RootPath& path, const base::Attributes& lost, unsigned had, unsigned has) {
        bool list_told = false;
        for (const auto& [name, value] : lost) {
            if (name == "security.capability")
                tell(path, "had capabilities, and has none any more");
            else if (!is_access_list(name))
                tell(path, fmt::format("had the attribute {}, and has it no more", name));
            else if (!std::exchange(list_told, true))
                tell(path, had == has ? std::string("had an access list, and has none any more")
                                      : fmt::format("had an access list, and has none any more (mode {:04o} "
                                                    "with it, {:04o} without)",
                                                    had, has));
        }
    }

    const Tree& from_;
    RootPath shown_;
    const Tree* to_;
    ForeignOwners* owners_;
    std::vector<LeftBehind>& left_;
    std::vector<Directory> way_; ///< those that were taken, from the top down to where we are
};

/// The directories on the way to `path` that the target lacks, as the source has them. False, and told, where
/// something else is in the way.
bool make_way(Mover& mover, const Tree& from, const Tree& to, const RootPath& path) {
    RootPath way;
    const std::vector<std::string> names = path.components();
    for (std::size_t i = 0; i + 1 < names.size(); ++i) {
        way = way.entry(names[i]);
        const auto there = to.stat(way);
        if (there && !there->is_directory()) {
            mover.tell(path, fmt::format("has no place: {} is no directory in the jail", to.show(way)));
            return false;
        }
        if (there)
            continue;
        const auto source = from.stat(way);
        if (!source || !source->is_directory())
            throw Error(ErrorKind::corrupt, from.show(way), "changes while it is read",
                        "stop what runs there, and import it again");
        mover.move(*source, {});
    }
    return true;
}

bool take_file(Mover& mover, const Tree& from, const Entry& entry, const Tree& to) {
    if (!make_way(mover, from, to, entry.path))
        return false;
    const auto there = to.stat(entry.path);
    if (there && same_file(from, entry, to, *there))
        return false;
    if (there && there->is_directory()) {
        mover.tell(entry.path, "is a directory in the jail", "copy it yourself where it belongs now");
        return false;
    }
    mover.move(entry, there ? owner_of(*there) : Owner{});
    return true;
}

Taken of_configuration(const ForeignRoot& from, const TakeOver& what, const Entry& entry) {
    Taken taken;
    const RootPath top = from.prefix_place() / "etc";
    taken.from = top.str() + entry.path.str();
    taken.to = what.prefix + "/etc" + entry.path.str();
    taken.bytes = entry.is_file() ? static_cast<std::uint64_t>(entry.status.st_size) : 0;
    taken.over_recipe = std::any_of(what.of_recipe.begin(), what.of_recipe.end(),
                                    [&](const RootPath& path) { return path.str() == taken.to; });
    return taken;
}

Taken of_data(const DataMove& move) {
    Taken taken;
    taken.from = move.from.str();
    taken.to = move.to.str();
    taken.data = true;
    taken.files = 0;
    return taken;
}

void count(const Entry& entry, Taken& taken) {
    if (entry.is_directory())
        return;
    ++taken.files;
    taken.bytes += entry.is_file() ? static_cast<std::uint64_t>(entry.status.st_size) : 0;
}

std::optional<Tree> data_there(const ForeignRoot& from, const DataMove& move) {
    const auto there = from.tree().stat(move.from);
    if (!there)
        return std::nullopt;
    if (!there->is_directory())
        throw Error(ErrorKind::corrupt, from.tree().show(move.from), "is no directory",
                    "a data path is a directory with all that is in it");
    return from.tree().open_tree(move.from);
}

void check_room(const ForeignRoot& from, const TakeOver& what, const base::HostPath& where) {
    std::uint64_t needed = 0;
    for (const DataMove& move : what.data)
        if (const auto there = data_there(from, move))
            there->walk([&](const Entry& entry) {
                needed += entry.is_file() ? static_cast<std::uint64_t>(entry.status.st_blocks) * 512 : 0;
                return true;
            });
    const std::uint64_t free = base::free_bytes(where);
    if (needed > free)
        throw Error(ErrorKind::system, where.string(),
                    fmt::format("{} bytes are free, and the data to be taken over need {}", free, needed),
                    "make room, or choose another state directory with --state");
}

/// Where other data go that is below a move's own target, as paths below it.
std::vector<std::pair<RootPath, RootPath>> places_of_others(const TakeOver& what, const DataMove& move) {
    std::vector<std::pair<RootPath, RootPath>> places; // there, and where it comes from
    for (const DataMove& other : what.data)
        if (other.to != move.to && other.to.is_within(move.to))
            places.emplace_back(other.to.below(move.to), other.from);
    return places;
}

/// One data path with all that is in it. Without `data` it is only told what would become of it.
Taken take_data(const TakeOver& what, const DataMove& move, const Tree& from, const Tree* data,
                ForeignOwners* owners, std::vector<LeftBehind>& left) {
    Taken taken = of_data(move);
    std::optional<Tree> to;
    Owner owner;
    if (data != nullptr) {
        data->make_directories(move.to);
        to = data->open_tree(move.to);
        owner = owner_of(*to->stat(RootPath()));
    }
    Mover mover(from, move.from, to ? &*to : nullptr, owners, left);
    mover.move(*from.stat(RootPath()), owner);
    const auto others = places_of_others(what, move);
    from.walk([&](const Entry& entry) {
        for (const auto& [place, source] : others) {
            const bool is_it = entry.path == place;
            if (!is_it && (entry.is_directory() || !place.is_within(entry.path)))
                continue;
            const bool is_told = mover.shown(entry.path) != source.str() &&
                                 (!entry.is_directory() || holds_anything(from, entry.path));
            if (is_told)
                mover.tell(entry.path, fmt::format("gives way to {}, which goes to {}", source.str(),
                                                   move.to.str() + place.str()));
            return false;
        }
        if (!entry.is_directory() && !entry.is_file() && !entry.is_symlink()) {
            mover.tell(entry.path, "is a FIFO, a socket or a device");
            return true;
        }
        const auto there = to ? to->stat(entry.path) : std::nullopt;
        if (there && there->is_directory() != entry.is_directory())
            to->remove_all(entry.path);
        mover.move(entry, owner);
        count(entry, taken);
        if (entry.is_directory() && base::is_mount_point(from, entry.path))
            mover.tell(entry.path, "is a mount point", "copy what is in it yourself");
        return true;
    });
    return taken;
}

} // namespace

std::vector<Taken> measure(const ForeignRoot& from, const TakeOver& what, const base::HostPath& where,
                           std::vector<LeftBehind>& left) {
    check_room(from, what, where);
    std::vector<Taken> all;
    if (!what.configuration.empty()) {
        const RootPath top = from.prefix_place() / "etc";
        const Tree etc_there = from.tree().open_tree(top);
        Mover mover(etc_there, top, nullptr, nullptr, left);
        for (const Entry& entry : what.configuration) {
            mover.move(entry, {});
            all.push_back(of_configuration(from, what, entry));
        }
    }
    for (const DataMove& move : what.data)
        if (const auto there = data_there(from, move))
            all.push_back(take_data(what, move, *there, nullptr, nullptr, left));
    return all;
}

std::vector<Taken> take_over(const ForeignRoot& from, const TakeOver& what, const Tree& config,
                             const Tree& data, std::vector<LeftBehind>& left) {
    check_room(from, what, data.name());
    std::vector<Taken> all;
    ForeignOwners owners(from, config, left);
    if (!what.configuration.empty()) {
        const RootPath top = from.prefix_place() / "etc";
        const RootPath target = RootPath::parse(what.prefix) / "etc";
        config.make_directories(target);
        const Tree etc_there = from.tree().open_tree(top);
        const Tree etc = config.open_tree(target);
        Mover mover(etc_there, top, &etc, &owners, left);
        for (const Entry& entry : what.configuration)
            if (take_file(mover, etc_there, entry, etc))
                all.push_back(of_configuration(from, what, entry));
    }
    for (const DataMove& move : what.data)
        if (const auto there = data_there(from, move))
            all.push_back(take_data(what, move, *there, &data, &owners, left));
    return all;
}

} // namespace pkgjail::store
