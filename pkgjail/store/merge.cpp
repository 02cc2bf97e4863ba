#include "pkgjail/store/merge.hpp"

#include <algorithm>
#include <optional>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/store/account_merge.hpp"
#include "pkgjail/store/compare.hpp"
#include "pkgjail/store/owner.hpp"

namespace pkgjail::store {

using base::Entry;
using base::Error;
using base::ErrorKind;
using base::RootPath;
using base::Tree;

namespace {

constexpr off_t largest_account_file = 4 << 20;

bool is_directory(const std::optional<Entry>& entry) {
    return entry && entry->is_directory();
}

bool is_special(const Entry& entry) {
    return !entry.is_file() && !entry.is_symlink() && !entry.is_directory();
}

/// A path of the tree that was opened at `top`. Unlike operator/ it takes names that parse() does not let in.
RootPath path_in(const RootPath& top, const RootPath& below) {
    RootPath path = top;
    for (const std::string& name : below.components())
        path = path.entry(name);
    return path;
}

/// One place in the three trees.
struct Place {
    RootPath path;
    std::optional<Entry> before; ///< in the old seed
    std::optional<Entry> after;  ///< in the new seed
    std::optional<Entry> mine;
};

std::string describe(const Place& place) {
    return describe_conflict(place.before, place.after, place.mine);
}

class Merge {
  public:
    Merge(const Tree& old_seed, const Tree& new_seed, const Tree& mine, const Tree& result,
          const std::set<RootPath>& managed)
        : old_(old_seed), new_(new_seed), mine_(mine), result_(result), managed_(managed) {}

    MergeReport run() {
        const RootPath top;
        enter({top, old_.stat(top), new_.stat(top), mine_.stat(top)});
        // Not by recursion: `mine` may be two thousand directories deep.
        while (!open_.empty()) {
            OpenDirectory& here = open_.back();
            if (here.next < here.names.size())
                merge(place_in(here, here.names[here.next++]));
            else
                leave();
        }
        for (auto* list :
             {&report_.added, &report_.replaced, &report_.removed, &report_.kept, &report_.merged})
            std::sort(list->begin(), list->end());
        std::stable_sort(report_.conflicts.begin(), report_.conflicts.end(),
                         [](const MergeConflict& a, const MergeConflict& b) { return a.path < b.path; });
        return std::move(report_);
    }

  private:
    /// A directory of the result that is being filled.
    struct OpenDirectory {
        Place place;
        std::vector<std::string> names; ///< of all three
        std::size_t next = 0;
        std::size_t removed_before = 0; ///< length of that list when it was opened
    };

    static std::optional<Entry> look(const Tree& tree, const std::optional<Entry>& parent,
                                     const RootPath& path) {
        return is_directory(parent) ? tree.stat(path) : std::nullopt;
    }

    Place place_in(const OpenDirectory& parent, const std::string& name) const {
        const RootPath path = parent.place.path.entry(name);
        Place place{path, look(old_, parent.place.before, path), look(new_, parent.place.after, path),
                    look(mine_, parent.place.mine, path)};
        for (const auto& [tree, entry] : {std::pair(&old_, &place.before), std::pair(&new_, &place.after)})
            if (*entry && is_special(**entry))
                throw Error(ErrorKind::corrupt, tree->show(path),
                            fmt::format("is a {}, which no seed may hold", type_name(**entry)));
        return place;
    }

    void merge(const Place& place) {
        if (managed_.contains(place.path)) {
            if (place.mine && !is_special(*place.mine))
                copy(mine_, *place.mine);
        } else if (is_directory(place.mine) &&
                   (is_directory(place.after) || (!place.after && is_directory(place.before)))) {
            enter(place);
        } else if (place.mine && is_special(*place.mine)) {
            note_special(place.path, *place.mine, place.after.has_value());
            if (place.after)
                copy(new_, *place.after);
        } else if (is_untouched(place)) {
            follow(place);
        } else {
            stand_by_mine(place);
        }
    }

    // Directories in which entry by entry is merged.

    void enter(const Place& place) {
        OpenDirectory directory{place, {}, 0, report_.removed.size()};
        for (const auto& [tree, entry] : {std::pair(&old_, &place.before), std::pair(&new_, &place.after),
                                          std::pair(&mine_, &place.mine)})
            if (is_directory(*entry)) {
                const std::vector<std::string> names = tree->list(place.path);
                directory.names.insert(directory.names.end(), names.begin(), names.end());
            }
        std::sort(directory.names.begin(), directory.names.end());
        directory.names.erase(std::unique(directory.names.begin(), directory.names.end()),
                              directory.names.end());
        // Its own mode may keep us out, and filling it changes its time: they come at the end.
        result_.make_directory(place.path, 0700);
        open_.push_back(std::move(directory));
    }

    void leave() {
        const OpenDirectory directory = std::move(open_.back());
        open_.pop_back();
        const Place& place = directory.place;
        const bool is_untouched =
            is_directory(place.before) && same_owner_and_mode(*place.before, *place.mine);
        if (!place.after && is_untouched && result_.list(place.path).empty()) {
            result_.remove_all(place.path);
            // It stands for what was removed in it.
            report_.removed.erase(report_.removed.begin() +
                                      static_cast<std::ptrdiff_t>(directory.removed_before),
                                  report_.removed.end());
            report_.removed.push_back(place.path);
            return;
        }
        const bool is_same_as_new = place.after && same_owner_and_mode(*place.mine, *place.after);
        if (place.after && is_untouched && !is_same_as_new) {
            new_.copy_entry(*place.after, result_);
            report_.replaced.push_back(place.path);
            return;
        }
        mine_.copy_entry(*place.mine, result_);
        if (is_same_as_new)
            return;
        if (!place.after && is_untouched)
            report_.kept.push_back(place.path);
        else if (!place.after)
            report_.conflicts.push_back({place.path, describe(place)});
        else
            settle_owner_and_mode(place, true);
    }

    /// Where the operator's owner and mode are neither the old ones nor the new ones: kept or a conflict.
    void settle_owner_and_mode(const Place& place, bool is_listed_when_kept) {
        if (place.before && type_name(*place.before) == std::string_view(type_name(*place.after)) &&
            same_owner_and_mode(*place.before, *place.after)) {
            if (is_listed_when_kept)
                report_.kept.push_back(place.path);
        } else {
            report_.conflicts.push_back({place.path, "owner or mode set by you and by the new version"});
        }
    }

    // Everything else is decided as a whole.

    /// Whether the operator has nothing of his own here.
    bool is_untouched(const Place& place) const {
        if (!place.before || !place.mine)
            return !place.before && !place.mine;
        return same_entry(old_, *place.before, mine_, *place.mine) &&
               (!place.mine->is_directory() || !holds_own(place.path));
    }

    /// Whether the operator's directory, in whose place the new version has something else, holds anything
    /// that the old seed's did not. What he has removed from it does not count: it would be gone in any case.
    bool holds_own(const RootPath& path) const {
        const Tree before = old_.open_tree(path);
        const Tree mine = mine_.open_tree(path);
        bool is_own = false;
        mine.walk([&](const Entry& entry) {
            if (is_own)
                return false;
            const auto old_entry = before.stat(entry.path);
            is_own = managed_.contains(path_in(path, entry.path)) || !old_entry ||
                     !same_entry(before, *old_entry, mine, entry);
            return !is_own;
        });
        return is_own;
    }

    /// Whether the new version has left it alone, a directory with everything in it but managed files.
    bool is_same_in_seeds(const Place& place) const {
        if (!place.before || !place.after)
            return !place.before && !place.after;
        if (!same_entry(old_, *place.before, new_, *place.after))
            return false;
        if (!place.before->is_directory())
            return true;
        const Tree before = old_.open_tree(place.path);
        const Tree after = new_.open_tree(place.path);
        return has_all_of(after, before, place.path) && has_all_of(before, after, place.path);
    }

    bool has_all_of(const Tree& tree, const Tree& other, const RootPath& top) const {
        bool is_same = true;
        other.walk([&](const Entry& entry) {
            if (!is_same || managed_.contains(path_in(top, entry.path)))
                return false;
            const auto there = tree.stat(entry.path);
            is_same = there && same_entry(tree, *there, other, entry);
            return is_same;
        });
        return is_same;
    }

    /// The operator has left it alone: what the new version has.
    void follow(const Place& place) {
        if (!place.after) {
            report_.removed.push_back(place.path);
        } else if (!place.before) {
            copy(new_, *place.after);
            report_.added.push_back(place.path);
        } else if (same_entry(old_, *place.before, new_, *place.after)) {
            copy(mine_, *place.mine);
        } else {
            copy(new_, *place.after);
            report_.replaced.push_back(place.path);
        }
    }

    /// The operator has made something else of it.
    void stand_by_mine(const Place& place) {
        const bool is_same_as_new =
            place.mine ? place.after && same_entry(mine_, *place.mine, new_, *place.after) : !place.after;
        const bool is_left_alone = !is_same_as_new && is_same_in_seeds(place);
        if (!is_same_as_new && !is_left_alone && are_accounts(place)) {
            merge_account_file(place);
            return;
        }
        if (place.mine)
            copy(mine_, *place.mine);
        if (is_left_alone)
            report_.kept.push_back(place.path);
        else if (!is_same_as_new)
            report_.conflicts.push_back({place.path, describe(place)});
    }

    static bool are_accounts(const Place& place) {
        const auto is_fit = [](const Entry& entry) {
            return entry.is_file() && entry.status.st_size <= largest_account_file;
        };
        return place.path.parent().str() == "/etc" && account_format(place.path.name()) && place.mine &&
               is_fit(*place.mine) && place.after && is_fit(*place.after) &&
               (!place.before || is_fit(*place.before));
    }

    void merge_account_file(const Place& place) {
        const auto text_of = [&](const Tree& tree, const std::optional<Entry>& entry) {
            return entry ? tree.read(place.path, largest_account_file) : std::string();
        };
        const std::string mine = text_of(mine_, place.mine);
        const AccountMerge merge =
            merge_accounts(*account_format(place.path.name()), text_of(old_, place.before),
                           text_of(new_, place.after), mine);
        for (const std::string& conflict : merge.conflicts)
            report_.conflicts.push_back({place.path, conflict});
        const bool takes_new_mode = place.before && same_owner_and_mode(*place.before, *place.mine);
        const bool is_new_mode = same_owner_and_mode(*place.mine, *place.after);
        if (!takes_new_mode && !is_new_mode)
            settle_owner_and_mode(place, false);
        if (merge.text == mine && (!takes_new_mode || is_new_mode)) {
            copy(mine_, *place.mine);
            if (report_.conflicts.empty() || report_.conflicts.back().path != place.path)
                report_.kept.push_back(place.path);
            return;
        }
        const Entry& from = takes_new_mode ? *place.after : *place.mine;
        result_.write(place.path, merge.text, from.permissions(),
                      permitted_owner({from.status.st_uid, from.status.st_gid}));
        report_.merged.push_back(place.path);
    }

    // Copying.

    /// The entry and everything below it; from the new seed without managed files.
    void copy(const Tree& from, const Entry& entry) {
        if (!entry.is_directory()) {
            from.copy_entry(entry, result_);
            return;
        }
        result_.make_directory(entry.path, 0700);
        const Tree source = from.open_tree(entry.path);
        const Tree target = result_.open_tree(entry.path);
        std::vector<Entry> directories;
        source.walk([&](const Entry& below) {
            if (&from == &mine_ && is_special(below)) {
                if (const RootPath path = path_in(entry.path, below.path); !managed_.contains(path))
                    note_special(path, below, false);
                return false;
            }
            if (&from == &new_ && managed_.contains(path_in(entry.path, below.path)))
                return false;
            if (below.is_directory()) {
                target.make_directory(below.path, 0700);
                directories.push_back(below);
            } else {
                source.copy_entry(below, target);
            }
            return true;
        });
        for (auto directory = directories.rbegin(); directory != directories.rend(); ++directory)
            source.copy_entry(*directory, target);
        from.copy_entry(entry, result_);
    }

    void note_special(const RootPath& path, const Entry& entry, bool is_replaced) {
        report_.conflicts.push_back(
            {path, fmt::format("is a {}, which is not kept{}", type_name(entry),
                               is_replaced ? ": the new version's takes its place" : "")});
    }

    const Tree& old_;
    const Tree& new_;
    const Tree& mine_;
    const Tree& result_;
    const std::set<RootPath>& managed_;
    std::vector<OpenDirectory> open_;
    MergeReport report_;
};

} // namespace

std::string describe_conflict(const std::optional<Entry>& before, const std::optional<Entry>& after,
                              const std::optional<Entry>& mine) {
    if (!mine)
        return "removed by you, changed by the new version";
    if (!after)
        return "changed by you, removed by the new version";
    const std::string my_type = type_name(*mine);
    if (const std::string new_type = type_name(*after); my_type != new_type)
        return fmt::format("is a {} now, a {} in the new version", my_type, new_type);
    return before ? "changed by you and by the new version" : "added by you and by the new version";
}

MergeReport merge_configuration(const Tree& old_seed, const Tree& new_seed, const Tree& mine,
                                const Tree& result, const std::set<RootPath>& managed) {
    if (!result.list(RootPath()).empty())
        throw Error(ErrorKind::conflict, result.name(),
                    "is not empty, which the result of a merge begins as");
    return Merge(old_seed, new_seed, mine, result, managed).run();
}

} // namespace pkgjail::store
