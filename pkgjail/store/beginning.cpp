#include "pkgjail/store/beginning.hpp"

#include <algorithm>

#include "pkgjail/store/accounts.hpp"
#include "pkgjail/store/owner.hpp"
#include "pkgjail/store/root.hpp"

namespace pkgjail::store {

using base::RootPath;
using base::Tree;

namespace {

RootPath recipe_directory() {
    return Layout::own_files() / "recipe";
}

} // namespace

Beginning::Beginning(Tree seed, std::optional<Tree> recipe)
    : seed_(std::move(seed)), recipe_(std::move(recipe)) {}

Beginning Beginning::of(const Layout& layout, const std::string& image_id, const base::HostPath& config) {
    return {Tree::open(layout.image_seed(image_id)).open_tree(RootPath::parse("/config")),
            kept_recipe_files(Tree::open(config))};
}

std::optional<FileView::Found> Beginning::find(const RootPath& path) const {
    // A directory above a file of the recipe is the seed's, if the seed has it.
    auto of_recipe = recipe_ ? recipe_->stat(path) : std::nullopt;
    if (of_recipe && !of_recipe->is_directory())
        return Found{&*recipe_, std::move(*of_recipe)};
    if (auto of_seed = seed_.stat(path))
        return Found{&seed_, std::move(*of_seed)};
    if (of_recipe)
        return Found{&*recipe_, std::move(*of_recipe)};
    return std::nullopt;
}

std::vector<std::string> Beginning::list(const RootPath& path) const {
    std::vector<std::string> names = names_there(seed_, path);
    if (!recipe_)
        return names;
    const std::vector<std::string> more = names_there(*recipe_, path);
    names.insert(names.end(), more.begin(), more.end());
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

void keep_recipe_files(const Tree& config, const std::string& prefix,
                       const std::vector<jail::RenderedRecipe::File>& files) {
    config.make_directory(Layout::own_files(), 0700);
    config.remove_all(recipe_directory());
    config.make_directory(recipe_directory(), 0700);
    const Tree kept = config.open_tree(recipe_directory());
    for (const jail::RenderedRecipe::File& file : files) {
        if (!is_configuration(file.path, prefix))
            continue;
        const confine::Identity owner = find_identity(config, file.owner, file.group);
        kept.make_directories(file.path.parent());
        kept.write(file.path, file.content, file.mode, permitted_owner({owner.uid, owner.gid}));
    }
}

std::optional<Tree> kept_recipe_files(const Tree& config) {
    const auto there = config.stat(recipe_directory());
    if (!there)
        return std::nullopt;
    return config.open_tree(recipe_directory());
}

std::set<RootPath> paths_of(const std::optional<Tree>& recipe_files) {
    std::set<RootPath> paths;
    if (recipe_files)
        recipe_files->walk([&](const base::Entry& entry) {
            if (!entry.is_directory())
                paths.insert(entry.path);
            return true;
        });
    return paths;
}

void make_parents(const FileView& beginning, const Tree& target, const RootPath& path) {
    RootPath sofar;
    for (const std::string& name : path.parent().components()) {
        sofar = sofar.entry(name);
        if (const auto there = target.stat(sofar); there && there->is_directory())
            continue;
        target.make_directory(sofar, 0700); // says what else is in the way
        const auto model = beginning.find(sofar);
        const bool is_known = model && model->entry.is_directory();
        target.set_owner(sofar, permitted_owner(is_known ? base::Owner{model->entry.status.st_uid,
                                                                       model->entry.status.st_gid}
                                                         : base::Owner{}));
        target.set_permissions(sofar, is_known ? model->entry.permissions() : 0755);
    }
}

} // namespace pkgjail::store
