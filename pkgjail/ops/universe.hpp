// What the solver may choose from: the catalog's index of available packages, and archives that the operator
// named.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "pkgjail/catalog/packages.hpp"
#include "pkgjail/repo/cache.hpp"
#include "pkgjail/solve/solver.hpp"

namespace pkgjail::ops {

/// Repository name under which archives named by path are offered.
inline constexpr const char* local_files = "";

class CatalogUniverse : public solve::Universe {
  public:
    explicit CatalogUniverse(catalog::Catalog& catalog) : packages_(catalog) {}

    /// An archive that the operator named; preferred to every repository.
    void add_local(solve::Offer offer);

    const std::vector<solve::Offer>& of_base(const std::string& pkgbase) override;
    const std::vector<std::string>& bases() override;
    const std::vector<solve::Offer>& superseding(const std::string& pkgbase) override;

  private:
    catalog::Packages packages_;
    std::unordered_map<std::string, std::vector<solve::Offer>> by_base_;
    std::unordered_map<std::string, std::vector<solve::Offer>> superseding_;
    std::unordered_map<std::string, std::vector<solve::Offer>> local_;
    std::vector<std::string> bases_;
    bool bases_known_ = false;
};

} // namespace pkgjail::ops
