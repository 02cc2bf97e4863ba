#include "pkgjail/store/tree_diff.hpp"

#include <algorithm>
#include <optional>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/store/compare.hpp"

namespace pkgjail::store {

using base::Entry;
using base::Error;
using base::ErrorKind;
using base::RootPath;
using Found = FileView::Found;

namespace {

bool is_directory(const std::optional<Found>& found) {
    return found && found->entry.is_directory();
}

/// False where one of them has gone meanwhile: then it is not the same any more.
bool same_bytes(const Found& a, const Found& b) {
    try {
        return same_content(*a.tree, a.entry, *b.tree, b.entry);
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::not_found)
            throw;
        return false;
    }
}

std::vector<std::string> what_differs(const Found& a, const Found& b) {
    const struct stat& old_status = a.entry.status;
    const struct stat& new_status = b.entry.status;
    std::vector<std::string> what;
    if ((old_status.st_mode & S_IFMT) != (new_status.st_mode & S_IFMT))
        return {fmt::format("type: {}, now a {}", type_name(a.entry), type_name(b.entry))};
    if (!a.entry.is_symlink() && a.entry.permissions() != b.entry.permissions())
        what.push_back(fmt::format("mode: {:04o}, now {:04o}", a.entry.permissions(), b.entry.permissions()));
    if (old_status.st_uid != new_status.st_uid || old_status.st_gid != new_status.st_gid)
        what.push_back(fmt::format("owner: {}:{}, now {}:{}", old_status.st_uid, old_status.st_gid,
                                   new_status.st_uid, new_status.st_gid));
    if (a.entry.is_symlink() && a.entry.link_target != b.entry.link_target)
        what.push_back(fmt::format("target: {}, now {}", a.entry.link_target, b.entry.link_target));
    if (a.entry.is_file() && old_status.st_size != new_status.st_size)
        what.push_back(fmt::format("size: {}, now {}", old_status.st_size, new_status.st_size));
    else if (a.entry.is_file() && !same_bytes(a, b))
        what.emplace_back("content");
    return what;
}

class Comparison {
  public:
    Comparison(const FileView& before, const FileView& after) : before_(before), after_(after) {}

    std::vector<Difference> run() {
        enter(RootPath(), true, true);
        // Not by recursion: a jail's tree may be two thousand directories deep.
        while (!open_.empty()) {
            Level& level = open_.back();
            if (level.next == level.names.size()) {
                open_.pop_back();
                continue;
            }
            const RootPath path = level.path.entry(level.names[level.next++]);
            const bool look_before = level.in_before, look_after = level.in_after;
            compare(path, look_before ? before_.find(path) : std::nullopt,
                    look_after ? after_.find(path) : std::nullopt);
        }
        std::sort(found_.begin(), found_.end(),
                  [](const Difference& a, const Difference& b) { return a.path < b.path; });
        return std::move(found_);
    }

  private:
    struct Level {
        RootPath path;
        bool in_before = false; ///< whether it is a directory there
        bool in_after = false;
        std::vector<std::string> names;
        std::size_t next = 0;
    };

    void enter(const RootPath& path, bool in_before, bool in_after) {
        Level level{path, in_before, in_after, {}, 0};
        for (const auto& [view, is_there] : {std::pair(&before_, in_before), std::pair(&after_, in_after)})
            if (is_there) {
                const std::vector<std::string> names = view->list(path);
                level.names.insert(level.names.end(), names.begin(), names.end());
            }
        std::sort(level.names.begin(), level.names.end());
        level.names.erase(std::unique(level.names.begin(), level.names.end()), level.names.end());
        open_.push_back(std::move(level));
    }

    void compare(const RootPath& path, const std::optional<Found>& before,
                 const std::optional<Found>& after) {
        if (before && after) {
            std::vector<std::string> what = what_differs(*before, *after);
            if (!what.empty())
                found_.push_back({path, Change::changed, std::move(what)});
        } else if (before) {
            found_.push_back({path, Change::removed, {type_name(before->entry)}});
        } else if (after) {
            found_.push_back({path, Change::added, {type_name(after->entry)}});
        }
        if (is_directory(before) || is_directory(after))
            enter(path, is_directory(before), is_directory(after));
    }

    const FileView& before_;
    const FileView& after_;
    std::vector<Level> open_;
    std::vector<Difference> found_;
};

} // namespace

std::vector<Difference> differences(const FileView& before, const FileView& after) {
    return Comparison(before, after).run();
}

} // namespace pkgjail::store
