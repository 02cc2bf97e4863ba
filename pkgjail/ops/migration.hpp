// What every `import --from` has in common: which packages are asked for, which recipe fits them, the
// install, and what became of each package.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "pkgjail/ops/migrate.hpp"

namespace pkgjail::ops {

/// A package as it is called there: a pkgname, or a ship's word, which may be a base.
struct PackageThere {
    std::string name;
    std::string base;
    bool automatic = false;
};

/// What pkgin takes: a base, or a pkgname, whose version begins with a digit.
std::string base_of_word(const std::string& word);

class Migration {
  public:
    Migration(const Context& context, const MigrateRequest& request) : context_(context), request_(request) {}

    /// Fills request(). `services`: what is to run there, for the recipe; may be empty. Error{not_found} for
    /// no package, or --replace of none that is there; Error{conflict} where several recipes fit.
    void choose(const std::vector<PackageThere>& packages, const std::vector<std::string>& services);
    /// As ops::install(), and tells in result() what is here for each package.
    void install();

    InstallRequest& request() { return install_; }
    MigrateResult& result() { return result_; }

  private:
    void tell_what_was_done() const;
    /// Whether an error is about what the solver was asked.
    bool asked_for(const std::string& object) const;

    const Context& context_;
    const MigrateRequest& request_;
    InstallRequest install_;
    MigrateResult result_;
    std::vector<PackageThere> packages_;
    std::map<std::string, std::string> wishes_; ///< name there → pattern
    std::set<std::string> unnamed_;             ///< names there that were told already
};

} // namespace pkgjail::ops
