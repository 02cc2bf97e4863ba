#include "pkgjail/store/take.hpp"

#include "pkgjail/base/file.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/store/compare.hpp"
#include "pkgjail/store/owner.hpp"

namespace pkgjail::store {

using base::RootPath;
using base::Tree;
using Found = FileView::Found;

namespace {

/// Both lie in a directory that is not mounted into the jail.
RootPath staging_of(const char* name) {
    return Layout::own_files() / name;
}

/// `path` and all that is in it, below `target` under the same path.
void copy_all(const Beginning& beginning, const Tree& target, const RootPath& path) {
    const auto found = beginning.find(path);
    if (!found)
        return;
    if (!found->entry.is_directory()) {
        found->tree->copy_entry(found->entry, target);
        return;
    }
    target.make_directory(path, 0700);
    for (const std::string& name : beginning.list(path)) // a seed is ours, and not deep
        copy_all(beginning, target, path.entry(name));
    found->tree->copy_entry(found->entry, target);
}

} // namespace

bool differs_from(const Beginning& beginning, const Tree& config, const RootPath& path) {
    const auto model = beginning.find(path);
    const auto there = config.stat(path);
    if (!model || !there)
        return model.has_value() != there.has_value();
    return !same_entry(*model->tree, model->entry, config, *there);
}

void take(const Beginning& beginning, const Tree& config, const RootPath& path) {
    const RootPath staging = staging_of("new");
    const RootPath trash = staging_of("old");
    config.make_directory(Layout::own_files(), 0700);
    for (const RootPath& place : {staging, trash}) { // of a command that was killed
        config.remove_all(place);
        config.make_directory(place, 0700);
    }
    const auto model = beginning.find(path);
    const auto there = config.stat(path);
    if (model && there && model->entry.is_directory() && there->is_directory()) {
        config.set_owner(path, permitted_owner({model->entry.status.st_uid, model->entry.status.st_gid}));
        config.set_permissions(path, model->entry.permissions());
    } else {
        const Tree made = config.open_tree(staging);
        if (model) {
            make_parents(beginning, made, path);
            copy_all(beginning, made, path);
            base::sync_file_system(config.fd());
            make_parents(beginning, config, path);
        }
        base::step("config.staged");
        // A directory cannot be renamed over anything, nor anything over it.
        const bool is_moved = there && (!model || there->is_directory() || model->entry.is_directory());
        if (is_moved)
            config.rename_into(path, config, trash / "entry");
        try {
            if (model)
                made.rename_into(path, config, path);
        } catch (...) {
            if (is_moved)
                config.rename_into(trash / "entry", config, path);
            throw;
        }
    }
    base::sync_file_system(config.fd());
    base::step("config.placed");
    config.remove_all(staging);
    config.remove_all(trash);
}

void discard_take(const Tree& config) {
    config.remove_all(staging_of("new"));
    const RootPath trash = staging_of("old");
    const auto there = config.stat(trash);
    if (there && there->is_directory() && config.list(trash).empty())
        config.remove_all(trash);
}

} // namespace pkgjail::store
