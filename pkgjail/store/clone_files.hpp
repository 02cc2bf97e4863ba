// A jail's files made from another jail's, or from a snapshot's, with an identity of their own.
#pragma once

#include <string>
#include <vector>

#include "pkgjail/jail/recipe.hpp"
#include "pkgjail/store/freeze.hpp"
#include "pkgjail/store/layout.hpp"
#include "pkgjail/store/root.hpp"

namespace pkgjail::store {

/// jails/new-<id>, in which a clone comes into being. Disappears unless it was placed.
class CloneStaging {
  public:
    CloneStaging(const Layout& layout, std::string id);
    CloneStaging(const CloneStaging&) = delete;
    CloneStaging& operator=(const CloneStaging&) = delete;
    ~CloneStaging();

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
    /// What must not be the same in two jails: /etc/hostname where it has the source's name, machine ids, and
    /// the host keys of ssh, which are removed. Returns the paths, as seen inside.
    std::vector<base::RootPath> renew_identity(const std::string& prefix, const std::string& source,
                                               const std::string& name);
    void make_root(const HostBase& base, const std::string& prefix,
                   const std::vector<base::RootPath>& data_paths);
    /// Writes jail.json, syncs, renames to jails/<id>. The caller's catalog commit follows.
    void place(const std::string& record);

  private:
    const Layout& layout_;
    std::string id_;
    base::Tree jails_;
    bool placed_ = false;
};

} // namespace pkgjail::store
