// A jail's own files on disk: made from an image's seed, filled with the recipe's files, removed.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pkgjail/base/tree.hpp"
#include "pkgjail/jail/recipe.hpp"
#include "pkgjail/store/layout.hpp"
#include "pkgjail/store/merge.hpp"
#include "pkgjail/store/root.hpp"

namespace pkgjail::store {

struct NewJail {
    std::string id;
    std::string name;
    std::string image_id;
    std::string prefix;
    HostBase base;
    std::vector<base::RootPath> data_paths;
    std::vector<jail::RenderedRecipe::File> files; ///< put over the seed's
    std::string record;                            ///< jail.json's text
    /// Called last, with what the seed and the recipe have made. May be empty.
    std::function<void(const base::Tree& config, const base::Tree& data)> furnish;
};

/// Makes jails/<id> beside its place, syncs, renames. The caller's catalog commit follows; until then sweep()
/// would remove it.
void create_jail(const Layout& layout, const NewJail& jail);

/// Puts the recipe's files into an existing jail's configuration or data, each in one step; to sync them is
/// the caller's. Owner names are looked up in the jail's own account files. The jail's root may have shaped
/// what is there: a link among the directories is Error{corrupt}, a directory in the place of a file
/// Error{conflict}, both naming the path; a link or FIFO in the place of a file is replaced.
void write_recipe_files(const Layout& layout, const std::string& jail_id, std::int64_t generation,
                        const std::string& prefix, const std::vector<jail::RenderedRecipe::File>& files);
/// The same in a jail's configuration, where a recipe's files are, and a power cut leaves each as it was or
/// as it is to be, and not an empty one.
void replace_recipe_files(const base::Tree& config, const std::vector<jail::RenderedRecipe::File>& files);

/// What a generation's configuration is made for.
struct NextGeneration {
    std::int64_t from = 0;
    std::int64_t to = 0; ///< which the catalog does not know yet
    std::string old_image;
    std::string new_image;
    std::string prefix;
    std::vector<jail::RenderedRecipe::File> files; ///< the recipe's, as they are rendered now
};

/// Makes the configuration of a generation: what the old image and recipe began with, what the new ones begin
/// with, and the configuration of `from`, merged three ways (merge.hpp, recipe_merge.hpp). A recipe whose
/// files were not kept at that time counts as unchanged since. Data gets what the new seed has and it lacks,
/// with owner and mode; what exists is not touched.
MergeReport extend_generation(const Layout& layout, const std::string& jail_id, const NextGeneration& next);

/// Throws Error{busy} naming the mount point when anything is mounted in the jail's directory.
void require_unmounted(const Layout& layout, const std::string& jail_id);

/// Renames to jails/gone-<id> and deletes from there, by descriptor, without crossing a mount or following a
/// link; with anything mounted below it is Error{busy} with the mount point and nothing is deleted. Missing
/// is fine. To be called after the catalog has forgotten the jail.
void remove_jail(const Layout& layout, const std::string& jail_id);

/// The same, and data/ stays as jails/<id>/data, also when we are cut anywhere: first what goes is set apart
/// by renames, then, with `forget` in between (the catalog's commit), deleted. When that cannot be done it is
/// thrown, and sweep() deletes it later.
void remove_jail_but_data(const Layout& layout, const std::string& jail_id,
                          const std::function<void()>& forget);

/// Whether jails/<name> is what remove_jail_but_data() leaves of a jail. One that the catalog knows was cut
/// before `forget`.
bool has_only_data(const base::Tree& jails, const std::string& name);

/// Removes images/<id>, which the catalog has forgotten. Missing is fine.
void remove_image(const Layout& layout, const std::string& image_id);

} // namespace pkgjail::store
