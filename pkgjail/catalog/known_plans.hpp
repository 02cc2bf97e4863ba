// Plans for new jails that were carried out, for the next jail that asks the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/catalog/catalog.hpp"

namespace pkgjail::catalog {

struct KnownPlan {
    struct Package {
        std::string pkgname;
        bool automatic = false;
        std::string reason; ///< why it is there: "requested"
    };
    std::string promise_key;               ///< of its image (Images::find_promised)
    std::vector<std::string> repositories; ///< that its packages come from, each once, in the plan's order
    std::uint64_t download_bytes = 0;
    std::vector<Package> packages; ///< in the plan's order
};

class KnownPlans {
  public:
    explicit KnownPlans(Catalog& catalog) : catalog_(catalog) {}

    /// Which indexes there are, and in which order: while this text is the same, the same is on offer.
    std::string offered();
    std::optional<KnownPlan> find(const std::string& key);
    bool contains(const std::string& key);
    /// Error{conflict} where nothing was promised by its promise_key. A key that is known is set anew.
    void put(const std::string& key, const KnownPlan& plan);
    void forget_all();

  private:
    Catalog& catalog_;
};

} // namespace pkgjail::catalog
