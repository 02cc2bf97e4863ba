#include "pkgjail/store/jail_files.hpp"

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/store/account_databases.hpp"
#include "pkgjail/store/accounts.hpp"
#include "pkgjail/store/beginning.hpp"
#include "pkgjail/store/committed.hpp"
#include "pkgjail/store/freeze.hpp"
#include "pkgjail/store/missing_data.hpp"
#include "pkgjail/store/owner.hpp"
#include "pkgjail/store/recipe_merge.hpp"
#include "pkgjail/store/staged.hpp"
#include "pkgjail/store/sync.hpp"
#include "pkgjail/store/zfs.hpp"

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
        tree.write(file.path, file.content, file.mode, permitted_owner({owner.uid, owner.gid}));
        if (&tree == &data)
            data.sync_apart(file.path);
    }
}

/// A jail's name in jails/ goes, its data/ stays under it. By renames, so that a cut anywhere loses no data:
/// sweep() goes back or forward from each state in between.
void set_data_apart(const Layout& layout, const Tree& jails, const std::string& jail_id) {
    const HostPath keeping = layout.jail_keeping(jail_id);
    if (has_only_data(jails, jail_id))
        return; // done before
    jails.make_directory(name_of(keeping), 0700);
    move_frozen(layout.jail_data(jail_id), keeping / "data");
    base::step("jail.data_apart");
    move_frozen(layout.jail(jail_id), layout.jail_trash(jail_id));
    base::step("jail.trashed");
    move_frozen(keeping, layout.jail(jail_id));
    base::step("jail.data_kept");
}

} // namespace

void create_jail(const Layout& layout, const NewJail& jail) {
    Staged staged(layout.jail_staging(jail.id), layout.jail(jail.id));
    const Tree top = staged.tree("");
    for (const char* directory : {"/config", "/config/1", "/root"})
        top.make_directory(RootPath::parse(directory), 0755);
    make_freezable_directory(staged.path() / "data");
    const Tree config = staged.tree("config/1");
    const Tree data = staged.tree("data");
    const Tree seed = Tree::open(layout.image_seed(jail.image_id));
    seed.open_tree(RootPath::parse("/config")).copy_into(config);
    if (needs_account_databases() && !config.exists(RootPath::parse("/etc/pwd.db"))) // of an older image
        make_account_databases(config);
    seed.open_tree(RootPath::parse("/data")).copy_into(data);
    for (const RootPath& path : jail.data_paths)
        data.make_directories(path);
    make_skeleton(staged.tree("root"), jail.base, jail.prefix, jail.data_paths);
    write_files(config, data, jail.prefix, jail.files);
    keep_recipe_files(config, jail.prefix, jail.files);
    if (jail.furnish)
        jail.furnish(config, data);
    base::step("jail.filled");
    mark_uncommitted(staged.tree(""));
    staged.place("jail.json", jail.record, "jail");
}

void write_recipe_files(const Layout& layout, const std::string& jail_id, std::int64_t generation,
                        const std::string& prefix, const std::vector<jail::RenderedRecipe::File>& files) {
    const Tree config = Tree::open(layout.jail_config(jail_id, generation));
    write_files(config, Tree::open(layout.jail_data(jail_id)), prefix, files);
}

void replace_recipe_files(const Tree& config, const std::vector<jail::RenderedRecipe::File>& files) {
    for (const jail::RenderedRecipe::File& file : files) {
        const confine::Identity owner = find_identity(config, file.owner, file.group);
        config.make_directories(file.path.parent());
        write_synced(config, config, file.path, file.content, file.mode,
                     permitted_owner({owner.uid, owner.gid}));
    }
}

MergeReport extend_generation(const Layout& layout, const std::string& jail_id, const NextGeneration& next) {
    const RootPath configuration = RootPath::parse("/config");
    const Tree old_seed = Tree::open(layout.image_seed(next.old_image)).open_tree(configuration);
    const Tree new_seed = Tree::open(layout.image_seed(next.new_image));
    const Tree configs = Tree::open(layout.jail_configs(jail_id));
    const RootPath place = RootPath::parse(std::to_string(next.to));
    configs.remove_all(place); // of a command that was killed before its commit
    configs.make_directory(place, 0755);
    const Tree config = configs.open_tree(place);
    const Tree mine = configs.open_tree(RootPath::parse(std::to_string(next.from)));

    const auto old_files = kept_recipe_files(mine);
    std::set<RootPath> recipe_paths = paths_of(old_files);
    for (const jail::RenderedRecipe::File& file : next.files)
        if (is_configuration(file.path, next.prefix))
            recipe_paths.insert(file.path);
    std::set<RootPath> managed = recipe_paths;
    managed.insert(Layout::own_files());
    if (needs_account_databases())
        for (const char* name : account_databases)
            managed.insert(RootPath::parse("/etc") / name); // not merged, but made of what was merged
    MergeReport report =
        merge_configuration(old_seed, new_seed.open_tree(configuration), mine, config, managed);
    config.remove_all(Layout::own_files());
    keep_recipe_files(config, next.prefix, next.files);
    const Beginning after(new_seed.open_tree(configuration), kept_recipe_files(config));
    const Beginning before(old_seed.open_tree(RootPath()), kept_recipe_files(old_files ? mine : config));
    merge_recipe_files(before, after, mine, config, recipe_paths, report);
    if (needs_account_databases())
        make_account_databases(config);
    base::step("generation.merged");
    add_missing_data(layout, jail_id, new_seed.open_tree(RootPath::parse("/data")));
    sync_with_data(config, Tree::open(layout.jail_data(jail_id))); // before the commit that makes it current
    remove_unplaced_data(layout, jail_id);
    return report;
}

void require_unmounted(const Layout& layout, const std::string& jail_id) {
    const auto mounted = Zfs::host().other_mounts_below(layout.jail(jail_id));
    if (!mounted.empty())
        throw Error(ErrorKind::busy, layout.jail(jail_id).string(),
                    fmt::format("{} is still mounted", mounted.front()),
                    "stop the jail, unmount it, and try again");
}

void remove_jail(const Layout& layout, const std::string& jail_id) {
    if (Tree::open(layout.jails()).exists(RootPath::parse(jail_id))) {
        require_unmounted(layout, jail_id);
        move_frozen(layout.jail(jail_id), layout.jail_trash(jail_id));
        base::step("jail.trashed");
    }
    remove_frozen(layout.jail_trash(jail_id));
}

void remove_jail_but_data(const Layout& layout, const std::string& jail_id,
                          const std::function<void()>& forget) {
    const Tree jails = Tree::open(layout.jails());
    if (jails.exists(RootPath::parse(jail_id))) {
        require_unmounted(layout, jail_id);
        set_data_apart(layout, jails, jail_id);
    }
    forget();
    remove_frozen(layout.jail_trash(jail_id));
}

bool has_only_data(const Tree& jails, const std::string& name) {
    const RootPath jail = RootPath().entry(name); // a directory listing may give any name
    const auto entry = jails.stat(jail);
    return entry && entry->is_directory() && jails.list(jail) == std::vector<std::string>{"data"};
}

void remove_image(const Layout& layout, const std::string& image_id) {
    const Tree images = Tree::open(layout.images());
    const RootPath trash = RootPath::parse(layout.image_trash(base::random_hex(8)).filename().string());
    if (!images.exists(RootPath::parse(image_id)))
        return;
    // In one step: under its own name an image is whole or not there, and seal() relies on it.
    images.rename_into(RootPath::parse(image_id), images, trash);
    base::sync_directory(layout.images());
    base::step("image.trashed");
    images.remove_all(trash);
}

} // namespace pkgjail::store
