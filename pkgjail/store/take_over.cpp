#include "pkgjail/store/take_over.hpp"

#include <algorithm>
#include <list>
#include <utility>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/mounts.hpp"
#include "pkgjail/store/foreign_mover.hpp"

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

/// The directories on the way to `path` that the target lacks, as the source has them. False, and told, where
/// something else is in the way.
bool make_way(ForeignMover& mover, const Tree& from, const Tree& to, const RootPath& path) {
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

bool take_file(ForeignMover& mover, const Tree& from, const Entry& entry, const Tree& to) {
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

/// Where other data go that is below a move's own target: a path below it, and where they come from.
using Others = std::vector<std::pair<RootPath, RootPath>>;

Others others_below(const TakeOver& what, const DataMove& move) {
    Others others;
    for (const DataMove& other : what.data)
        if (other.to != move.to && other.to.is_within(move.to))
            others.emplace_back(other.to.below(move.to), other.from);
    return others;
}

/// The one that an entry gives way to: it has that place, or is a file on the way there. None: nullptr.
const Others::value_type* in_the_way(const Entry& entry, const Others& others) {
    for (const auto& other : others)
        if (entry.path == other.first || (!entry.is_directory() && other.first.is_within(entry.path)))
            return &other;
    return nullptr;
}

/// `where`: a directory of the file system that the data go to. `device`: of what a jail is kept on; its data
/// may be a subvolume with a number of its own. Data on the same one may need no room at all, where it has
/// reflinks, so there it is left to the file system to say that it is full.
void check_room(const ForeignRoot& from, const TakeOver& what, const base::HostPath& where, dev_t device) {
    std::uint64_t needed = 0;
    for (const DataMove& move : what.data) {
        const auto there = data_there(from, move);
        if (!there || there->stat(RootPath())->status.st_dev == device)
            continue;
        there->walk([&, others = others_below(what, move)](const Entry& entry) {
            if (in_the_way(entry, others) != nullptr)
                return false;
            needed += entry.is_file() ? static_cast<std::uint64_t>(entry.status.st_blocks) * 512 : 0;
            return true;
        });
    }
    const std::uint64_t free = base::free_bytes(where);
    if (needed > free)
        throw Error(ErrorKind::system, where.string(),
                    fmt::format("{} bytes are free, and the data to be taken over need {}", free, needed),
                    "make room, or choose another state directory with --state");
}

/// One data path with all that is in it. Without `data` it is only told what would become of it.
class DataTaking {
  public:
    DataTaking(const TakeOver& what, DataMove move, Tree from, const Tree* data, ForeignOwners* owners,
               std::vector<LeftBehind>& left)
        : move_(std::move(move)), others_(others_below(what, move_)), from_(std::move(from)),
          to_(target(data)), mover_(from_, move_.from, to_ ? &*to_ : nullptr, owners, left) {}
    DataTaking(const DataTaking&) = delete;
    DataTaking& operator=(const DataTaking&) = delete;

    Taken run() {
        Taken taken = of_data(move_);
        const Owner owner = to_ ? owner_of(*to_->stat(RootPath())) : Owner{};
        mover_.move(*from_.stat(RootPath()), owner);
        from_.walk([&](const Entry& entry) {
            if (const auto* other = in_the_way(entry, others_)) {
                tell_other(entry, *other);
                return false;
            }
            take(entry, owner, taken);
            return true;
        });
        return taken;
    }

    /// When all data are taken: others may have gone into directories of these.
    void finish() { mover_.finish(); }

  private:
    std::optional<Tree> target(const Tree* data) const {
        if (data == nullptr)
            return std::nullopt;
        data->make_directories(move_.to);
        return data->open_tree(move_.to);
    }

    void tell_other(const Entry& entry, const Others::value_type& other) {
        const auto& [place, source] = other;
        if (mover_.shown(entry.path) != source.str() &&
            (!entry.is_directory() || holds_anything(from_, entry.path)))
            mover_.tell(entry.path, fmt::format("gives way to {}, which goes to {}", source.str(),
                                                move_.to.str() + place.str()));
    }

    void take(const Entry& entry, Owner owner, Taken& taken) {
        if (!entry.is_directory() && !entry.is_file() && !entry.is_symlink()) {
            mover_.tell(entry.path, "is a FIFO, a socket or a device");
            return;
        }
        const auto there = to_ ? to_->stat(entry.path) : std::nullopt;
        if (there && there->is_directory() != entry.is_directory())
            to_->remove_all(entry.path);
        mover_.move(entry, owner);
        count(entry, taken);
        if (entry.is_directory() && base::is_mount_point(from_, entry.path))
            mover_.tell(entry.path, "is a mount point", "copy what is in it yourself");
    }

    DataMove move_;
    Others others_;
    Tree from_;
    std::optional<Tree> to_;
    ForeignMover mover_;
};

} // namespace

std::vector<Taken> measure(const ForeignRoot& from, const TakeOver& what, const base::HostPath& where,
                           std::vector<LeftBehind>& left) {
    check_room(from, what, where, Tree::open(where).stat(RootPath())->status.st_dev);
    std::vector<Taken> all;
    if (!what.configuration.empty()) {
        const RootPath top = from.prefix_place() / "etc";
        const Tree etc_there = from.tree().open_tree(top);
        ForeignMover mover(etc_there, top, nullptr, nullptr, left);
        for (const Entry& entry : what.configuration) {
            mover.move(entry, {});
            all.push_back(of_configuration(from, what, entry));
        }
    }
    for (const DataMove& move : what.data)
        if (auto there = data_there(from, move))
            all.push_back(DataTaking(what, move, std::move(*there), nullptr, nullptr, left).run());
    return all;
}

std::vector<Taken> take_over(const ForeignRoot& from, const TakeOver& what, const Tree& config,
                             const Tree& data, std::vector<LeftBehind>& left) {
    check_room(from, what, data.name(), config.stat(RootPath())->status.st_dev);
    std::vector<Taken> all;
    ForeignOwners owners(from, config, left);
    if (!what.configuration.empty()) {
        const RootPath top = from.prefix_place() / "etc";
        const RootPath target = RootPath::parse(what.prefix) / "etc";
        config.make_directories(target);
        const Tree etc_there = from.tree().open_tree(top);
        const Tree etc = config.open_tree(target);
        ForeignMover mover(etc_there, top, &etc, &owners, left);
        for (const Entry& entry : what.configuration)
            if (take_file(mover, etc_there, entry, etc))
                all.push_back(of_configuration(from, what, entry));
        mover.finish();
    }
    std::list<DataTaking> takings; // stay where they are
    for (const DataMove& move : what.data)
        if (auto there = data_there(from, move))
            all.push_back(takings.emplace_back(what, move, std::move(*there), &data, &owners, left).run());
    for (DataTaking& taking : takings)
        taking.finish();
    return all;
}

} // namespace pkgjail::store
