// A jail's files made from another jail's, or from a snapshot's, with an identity of their own.
#pragma once

#include <string>
#include <vector>

#include "pkgjail/jail/recipe.hpp"
#include "pkgjail/store/freeze.hpp"
#include "pkgjail/store/layout.hpp"
#include "pkgjail/store/root.hpp"
#include "pkgjail/store/staged.hpp"

namespace pkgjail::store {

/// Paths inside of what makes a jail itself.
struct Identity {
    std::vector<base::RootPath> renewed; ///< host name (where it was the source's) and machine ids
    std::vector<base::RootPath> removed; ///< ssh's host keys and random seeds, which come anew by themselves
    std::vector<base::RootPath> unseen;  ///< symbolic links, which are not followed
};

/// jails/new-<id>, in which a clone comes into being. Disappears unless it was placed.
class CloneStaging {
  public:
    CloneStaging(const Layout& layout, const std::string& id);

    /// Nobody may change the two directories meanwhile.
    FreezeMeans copy(const base::HostPath& config, const base::HostPath& data);
    /// Instead of copy(): both directories empty, for the caller to fill.
    void make_empty();
    base::Tree config() const;
    base::Tree data() const;

    using Files = std::vector<jail::RenderedRecipe::File>;
    /// Writes those of the recipe's files that read differently for the clone (`files`) than for its source
    /// (`before`). What the operator has changed in the source's is kept beside, as NAME.from-SOURCE; returns
    /// these. Files that read the same stay as the source has them, with the operator's changes.
    std::vector<base::RootPath> write_recipe_files(const std::string& prefix, const Files& before,
                                                   const Files& files, const std::string& source);
    /// Gives it what must not be the same in two jails.
    Identity renew_identity(const std::string& prefix, const std::string& source, const std::string& name);
    void make_root(const HostBase& base, const std::string& prefix,
                   const std::vector<base::RootPath>& data_paths);
    /// Writes jail.json, syncs, renames to jails/<id>. The caller's catalog commit follows.
    void place(const std::string& record);

  private:
    const Layout& layout_;
    Staged staged_;
};

} // namespace pkgjail::store
