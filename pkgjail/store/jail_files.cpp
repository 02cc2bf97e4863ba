#include "pkgjail/store/jail_files.hpp"

#include <fcntl.h>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/mounts.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/store/accounts.hpp"

namespace pkgjail::store {

using base::Entry;
using base::Error;
using base::ErrorKind;
using base::HostPath;
using base::RootPath;
using base::Tree;

namespace {

void write_files(const Tree& config, const Tree& data, const std::string& prefix,
                 const std::vector<jail::RenderedRecipe::File>& files) {
    for (const jail::RenderedRecipe::File& file : files) {
        const confine::Identity owner = find_identity(config, file.owner, file.group);
        const Tree& tree = is_configuration(file.path, prefix) ? config : data;
        tree.make_directories(file.path.parent());
        tree.write(file.path, file.content, file.mode, {owner.uid, owner.gid});
    }
}

/// What `seed` has and `target` has not, with owner, mode and time. Directories that exist are gone into,
/// everything else that exists is left alone.
void add_missing(const Tree& seed, const Tree& target) {
    seed.walk([&](const Entry& entry) {
        if (const auto there = target.stat(entry.path))
            return there->is_directory();
        const base::Owner owner{entry.status.st_uid, entry.status.st_gid};
        if (entry.is_directory()) {
            target.make_directory(entry.path, 0700);
            target.set_owner(entry.path, owner);
            target.set_permissions(entry.path, entry.permissions());
        } else if (entry.is_symlink()) {
            target.make_symlink(entry.link_target, entry.path);
            target.set_owner(entry.path, owner);
        } else {
            target.write(entry.path, seed.read(entry.path, 1u << 30), entry.permissions(), owner);
            target.set_modification_time(entry.path, entry.status.st_mtim);
        }
        return true;
    });
}

} // namespace

void create_jail(const Layout& layout, const NewJail& jail) {
    const Tree jails = Tree::open(layout.jails());
    const RootPath staging = RootPath::parse(layout.jail_staging(jail.id).filename().string());
    jails.make_directory(staging, 0700);
    try {
        const Tree top = jails.open_tree(staging);
        for (const char* directory : {"/config", "/data", "/root"})
            top.make_directory(RootPath::parse(directory), 0755);
        const Tree config = top.open_tree(RootPath::parse("/config"));
        const Tree data = top.open_tree(RootPath::parse("/data"));
        const Tree seed = Tree::open(layout.image_seed(jail.image_id));
        seed.open_tree(RootPath::parse("/config")).copy_into(config);
        seed.open_tree(RootPath::parse("/data")).copy_into(data);
        for (const RootPath& path : jail.data_paths)
            data.make_directories(path);
        make_skeleton(top.open_tree(RootPath::parse("/root")), jail.base, jail.prefix, jail.data_paths);
        write_files(config, data, jail.prefix, jail.files);
        top.write(RootPath::parse("/jail.json"), jail.record, 0600, {});
        base::step("jail.filled");
        base::sync_file_system(top.fd());
        base::step("jail.synced");
    } catch (...) {
        jails.remove_all(staging);
        throw;
    }
    base::rename_durably(layout.jail_staging(jail.id), layout.jail(jail.id));
    base::step("jail.placed");
}

void write_recipe_files(const Layout& layout, const std::string& jail_id, const std::string& prefix,
                        const std::vector<jail::RenderedRecipe::File>& files) {
    write_files(Tree::open(layout.jail_config(jail_id)), Tree::open(layout.jail_data(jail_id)), prefix,
                files);
}

void add_missing_from_seed(const Layout& layout, const std::string& jail_id, const std::string& image_id) {
    const Tree seed = Tree::open(layout.image_seed(image_id));
    add_missing(seed.open_tree(RootPath::parse("/config")), Tree::open(layout.jail_config(jail_id)));
    add_missing(seed.open_tree(RootPath::parse("/data")), Tree::open(layout.jail_data(jail_id)));
}

void remove_jail(const Layout& layout, const std::string& jail_id, bool keep_data) {
    const Tree jails = Tree::open(layout.jails());
    const RootPath name = RootPath::parse(layout.jail(jail_id).filename().string());
    const RootPath trash = RootPath::parse(layout.jail_trash(jail_id).filename().string());
    if (jails.exists(name)) {
        const auto mounted = base::mounts_below(layout.jail(jail_id));
        if (!mounted.empty())
            throw Error(ErrorKind::busy, layout.jail(jail_id).string(),
                        fmt::format("{} is still mounted", mounted.front()),
                        "stop the jail, unmount it, and try again");
        if (keep_data) {
            const Tree jail = jails.open_tree(name);
            for (const std::string& entry : jail.list(RootPath()))
                if (entry != "data")
                    jail.remove_all(RootPath::parse(entry));
        } else {
            jails.rename_into(name, jails, trash);
            base::sync_directory(layout.jails());
        }
    }
    base::step("jail.trashed");
    jails.remove_all(trash);
}

void remove_image(const Layout& layout, const std::string& image_id) {
    Tree::open(layout.images()).remove_all(RootPath::parse(image_id));
}

} // namespace pkgjail::store
