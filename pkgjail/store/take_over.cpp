#include "pkgjail/store/take_over.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <unistd.h>

#include <fmt/core.h>

#include "pkgjail/base/attributes.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/store/accounts.hpp"

namespace pkgjail::store {

using base::Entry;
using base::Error;
using base::ErrorKind;
using base::Owner;
using base::RootPath;
using base::Tree;

namespace {

std::map<std::uint32_t, std::string> names_of(const Tree& tree, bool groups, std::vector<LeftBehind>& left) {
    std::map<std::uint32_t, std::string> names;
    const RootPath file = RootPath::parse(groups ? "/etc/group" : "/etc/passwd");
    try {
        if (tree.exists(file))
            for (const auto& [name, number] : account_numbers_in(tree, groups))
                names.emplace(number, name);
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::corrupt)
            throw;
        left.push_back({file.str(), "cannot be read: " + error.cause(), "see who owns the files taken over"});
    }
    return names;
}

/// Whose a file becomes.
class Owners {
  public:
    Owners(const ForeignRoot& from, const Tree& config, std::vector<LeftBehind>& left) : left_(left) {
        // A prefix alone was used with the host's accounts.
        const Tree there = from.is_root() ? from.tree().open_tree(RootPath()) : Tree::open("/");
        for (const bool groups : {false, true}) {
            const auto here = account_numbers_in(config, groups);
            for (const auto& [number, name] : names_of(there, groups, left)) {
                names_[groups].emplace(number, name);
                if (const auto known = here.find(name); known != here.end())
                    numbers_[groups].emplace(number, known->second);
            }
        }
    }

    Owner here(const struct stat& status, Owner otherwise) {
        return {number(false, status.st_uid, otherwise.uid), number(true, status.st_gid, otherwise.gid)};
    }

  private:
    std::uint32_t number(bool group, std::uint32_t there, std::uint32_t otherwise) {
        if (there == 0)
            return 0;
        if (const auto known = numbers_[group].find(there); known != numbers_[group].end())
            return known->second;
        if (told_[group].insert(there).second) {
            const auto name = names_[group].find(there);
            left_.push_back(
                {name == names_[group].end() ? std::to_string(there) : name->second,
                 fmt::format("is a {} that the jail has not; its files belong to the {} of {} now",
                             group ? "group" : "user", group ? "group" : "user",
                             "the directory or file whose place they take"),
                 ""});
        }
        return otherwise;
    }

    std::vector<LeftBehind>& left_;
    std::map<std::uint32_t, std::string> names_[2]; ///< there; of users, of groups
    std::map<std::uint32_t, std::uint32_t> numbers_[2];
    std::set<std::uint32_t> told_[2];
};

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

/// One of the trees that something is taken from, and where it goes.
class Mover {
  public:
    Mover(const Tree& from, const RootPath& shown, const Tree& to, Owners& owners,
          std::vector<LeftBehind>& left)
        : from_(from), shown_(shown), to_(to), owners_(owners), left_(left) {}

    /// A file, a link or a directory without what is in it, to the same path; its parent is there.
    void move(const Entry& entry, Owner otherwise) {
        if (!entry.is_directory() && to_.exists(entry.path))
            to_.remove_all(entry.path);
        if (!entry.path.is_root())
            from_.copy_entry(entry, to_);
        if (entry.is_file() || entry.is_directory())
            strip(entry);
        if (::geteuid() == 0)
            to_.set_owner(entry.path, owners_.here(entry.status, otherwise));
        if (entry.is_symlink())
            return;
        // A change of owner clears some bits; a directory's set-group-id says who owns what is made in it.
        const unsigned kept = entry.is_directory() ? 07777u : 01777u;
        if ((entry.permissions() & ~kept) != 0)
            tell(entry.path,
                 fmt::format("was set-id (mode {:04o}), and is not any more", entry.permissions()));
        to_.set_permissions(entry.path, entry.permissions() & kept);
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
    void strip(const Entry& entry) {
        const Tree below =
            entry.is_directory() ? to_.open_tree(entry.path) : to_.open_tree(entry.path.parent());
        const base::Fd file = entry.is_directory() ? base::Fd() : to_.open_regular(entry.path);
        const base::Fd& node = entry.is_directory() ? below.fd() : file;
        for (const auto& [name, value] : base::read_attributes(node, to_.show(entry.path))) {
            if (!name.starts_with("system.posix_acl_") && name != "security.capability")
                continue;
            base::remove_attribute(node, name, to_.show(entry.path));
            tell(entry.path, name == "security.capability" ? "had capabilities, and has none any more"
                                                           : "had an access list, and has none any more");
        }
    }

    const Tree& from_;
    RootPath shown_;
    const Tree& to_;
    Owners& owners_;
    std::vector<LeftBehind>& left_;
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

void check_room(const ForeignRoot& from, const TakeOver& what, const Tree& data) {
    std::uint64_t needed = 0;
    for (const DataMove& move : what.data)
        if (const auto there = data_there(from, move))
            there->walk([&](const Entry& entry) {
                needed += entry.is_file() ? static_cast<std::uint64_t>(entry.status.st_blocks) * 512 : 0;
                return true;
            });
    const std::uint64_t free = base::free_bytes(data.name());
    if (needed > free)
        throw Error(ErrorKind::system, data.name(),
                    fmt::format("{} bytes are free, and the data to be taken over need {}", free, needed),
                    "make room, or choose another state directory with --state");
}

Taken take_data(const DataMove& move, const Tree& from, const Tree& data, Owners& owners,
                std::vector<LeftBehind>& left) {
    Taken taken = of_data(move);
    data.make_directories(move.to);
    const Tree to = data.open_tree(move.to);
    const Owner owner = owner_of(*to.stat(RootPath()));
    Mover mover(from, move.from, to, owners, left);
    const Entry top = *from.stat(RootPath());
    mover.move(top, owner);
    from.walk([&](const Entry& entry) {
        if (!entry.is_directory() && !entry.is_file() && !entry.is_symlink()) {
            mover.tell(entry.path, "is a FIFO, a socket or a device");
            return true;
        }
        const auto there = to.stat(entry.path);
        if (there && there->is_directory() != entry.is_directory())
            to.remove_all(entry.path);
        mover.move(entry, owner);
        count(entry, taken);
        if (entry.is_directory() && entry.status.st_dev != top.status.st_dev)
            mover.tell(entry.path, "is a mount point", "copy what is in it yourself");
        return true;
    });
    return taken;
}

} // namespace

std::vector<Taken> measure(const ForeignRoot& from, const TakeOver& what) {
    std::vector<Taken> all;
    for (const Entry& entry : what.configuration)
        all.push_back(of_configuration(from, what, entry));
    for (const DataMove& move : what.data)
        if (const auto there = data_there(from, move)) {
            Taken taken = of_data(move);
            there->walk([&](const Entry& entry) {
                count(entry, taken);
                return true;
            });
            all.push_back(std::move(taken));
        }
    return all;
}

std::vector<Taken> take_over(const ForeignRoot& from, const TakeOver& what, const Tree& config,
                             const Tree& data, std::vector<LeftBehind>& left) {
    check_room(from, what, data);
    std::vector<Taken> all;
    Owners owners(from, config, left);
    if (!what.configuration.empty()) {
        const RootPath top = from.prefix_place() / "etc";
        const RootPath target = RootPath::parse(what.prefix) / "etc";
        config.make_directories(target);
        const Tree etc_there = from.tree().open_tree(top);
        const Tree etc = config.open_tree(target);
        Mover mover(etc_there, top, etc, owners, left);
        for (const Entry& entry : what.configuration)
            if (take_file(mover, etc_there, entry, etc))
                all.push_back(of_configuration(from, what, entry));
    }
    for (const DataMove& move : what.data)
        if (const auto there = data_there(from, move))
            all.push_back(take_data(move, *there, data, owners, left));
    return all;
}

} // namespace pkgjail::store
