#include "pkgjail/store/recipe_merge.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "pkgjail/store/compare.hpp"

namespace pkgjail::store {

using base::Entry;
using base::RootPath;
using base::Tree;
using Found = FileView::Found;

namespace {

bool same(const std::optional<Found>& a, const std::optional<Found>& b) {
    if (!a || !b)
        return !a && !b;
    return same_entry(*a->tree, a->entry, *b->tree, b->entry);
}

/// The nearest thing on the way to `path` that is no directory.
std::optional<Entry> obstacle(const Tree& tree, const RootPath& path) {
    RootPath sofar;
    for (const std::string& name : path.parent().components()) {
        sofar = sofar.entry(name);
        auto there = tree.stat(sofar);
        if (!there)
            return std::nullopt;
        if (!there->is_directory())
            return there;
    }
    return std::nullopt;
}

class RecipeMerge {
  public:
    RecipeMerge(const Beginning& before, const Beginning& after, const Tree& mine, const Tree& result,
                MergeReport& report)
        : before_(before), after_(after), mine_(mine), result_(result), report_(report) {}

    void merge(const RootPath& path) {
        const auto before = before_.find(path);
        const auto after = after_.find(path);
        const bool is_left_alone = same(before, after);
        auto found = obstacle(mine_, path);
        if (!found)
            found = obstacle(result_, path);
        if (found) {
            if (!is_left_alone)
                report_.conflicts.push_back(
                    {path, fmt::format("{} is a {} now", found->path.str(), type_name(*found))});
            return;
        }
        std::optional<Found> mine;
        if (auto entry = mine_.stat(path))
            mine = Found{&mine_, std::move(*entry)};
        if (mine && !mine->entry.is_file() && !mine->entry.is_symlink() && !mine->entry.is_directory())
            replace_special(path, mine->entry, after);
        else if (same(mine, before) && !(mine && mine->entry.is_directory()))
            follow(path, before, after, is_left_alone);
        else if (same(mine, after))
            return;
        else if (is_left_alone)
            report_.kept.push_back(path);
        else
            report_.conflicts.push_back(
                {path, describe_conflict(entry_of(before), entry_of(after), entry_of(mine))});
    }

  private:
    static std::optional<Entry> entry_of(const std::optional<Found>& found) {
        return found ? std::optional(found->entry) : std::nullopt;
    }

    /// The operator has left it alone; the result has it from the first merge.
    void follow(const RootPath& path, const std::optional<Found>& before, const std::optional<Found>& after,
                bool is_left_alone) {
        if (is_left_alone)
            return;
        if (!after) {
            result_.remove_file(path);
            report_.removed.push_back(path);
            return;
        }
        write(path, *after);
        (before ? report_.replaced : report_.added).push_back(path);
    }

    void replace_special(const RootPath& path, const Entry& mine, const std::optional<Found>& after) {
        report_.conflicts.push_back({path, fmt::format("is a {}, which is not kept{}", type_name(mine),
                                                       after ? ": the new version's takes its place" : "")});
        if (after)
            write(path, *after);
    }

    void write(const RootPath& path, const Found& after) {
        make_parents(after_, result_, path);
        after.tree->copy_entry(after.entry, result_);
    }

    const Beginning& before_;
    const Beginning& after_;
    const Tree& mine_;
    const Tree& result_;
    MergeReport& report_;
};

} // namespace

void merge_recipe_files(const Beginning& before, const Beginning& after, const Tree& mine, const Tree& result,
                        const std::set<RootPath>& paths, MergeReport& report) {
    RecipeMerge merge(before, after, mine, result, report);
    for (const RootPath& path : paths)
        merge.merge(path);
    for (auto* list : {&report.added, &report.replaced, &report.removed, &report.kept, &report.merged})
        std::sort(list->begin(), list->end());
    std::stable_sort(report.conflicts.begin(), report.conflicts.end(),
                     [](const MergeConflict& a, const MergeConflict& b) { return a.path < b.path; });
}

} // namespace pkgjail::store
