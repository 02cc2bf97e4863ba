// What a jail's configuration begins with: the image's seed, and over it the files of the recipe as they were
// rendered for this generation. Against it the operator's changes are told, and from it a new version is
// taken.
//
// The recipe's files are kept in the generation's own configuration, in a directory that is not mounted into
// the jail, so that they are copied, frozen and removed with it.
#pragma once

#include <set>

#include "pkgjail/jail/recipe.hpp"
#include "pkgjail/store/file_view.hpp"
#include "pkgjail/store/layout.hpp"

namespace pkgjail::store {

class Beginning : public FileView {
  public:
    /// Two trees with the jail's own paths.
    Beginning(base::Tree seed, std::optional<base::Tree> recipe);
    /// Of a configuration directory on the host, a jail's or a snapshot's.
    static Beginning of(const Layout& layout, const std::string& image_id, const base::HostPath& config);

    std::optional<Found> find(const base::RootPath& path) const override;
    std::vector<std::string> list(const base::RootPath& path) const override;

  private:
    base::Tree seed_;
    std::optional<base::Tree> recipe_;
};

/// Keeps the recipe's files, those of them that are configuration, in place of what was kept before. Names of
/// owners are looked up in the configuration's own account files.
void keep_recipe_files(const base::Tree& config, const std::string& prefix,
                       const std::vector<jail::RenderedRecipe::File>& files);
/// nullopt: this configuration was made before they were kept.
std::optional<base::Tree> kept_recipe_files(const base::Tree& config);
/// The paths of them that are no directories.
std::set<base::RootPath> paths_of(const std::optional<base::Tree>& recipe_files);

/// The directory above `path`, and those above that, where `target` lacks them: with owner and mode as
/// `beginning` has them. Error{corrupt} for a link among them, Error{conflict} for a file.
void make_parents(const FileView& beginning, const base::Tree& target, const base::RootPath& path);

} // namespace pkgjail::store
