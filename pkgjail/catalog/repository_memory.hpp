// What is remembered of the indexes of each repository that does not sign them, so that an old copy is
// recognised, and a package that went back.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/catalog/catalog.hpp"

namespace pkgjail::catalog {

struct SeenPackage {
    std::string pkgname;
    std::string build_date; ///< as the index had it; may be anything
    bool operator==(const SeenPackage&) const = default;
};

struct RepositoryMemory {
    std::string name; ///< as in repositories.conf
    std::string url;  ///< where its indexes came from
    /// Newest BUILD_DATE that an index had and that was at most a day in the future then, Unix seconds.
    std::optional<std::int64_t> newest_build;
    /// By base: the best that was offered and is no more, neither this nor a newer one.
    std::map<std::string, SeenPackage> missed;
    bool operator==(const RepositoryMemory&) const = default;
};

class RepositoryMemories {
  public:
    explicit RepositoryMemories(Catalog& catalog) : catalog_(catalog) {}
    std::optional<RepositoryMemory> find(const std::string& name);
    std::vector<RepositoryMemory> all(); ///< by name
    /// Adds or replaces; part of the caller's transaction, if there is one.
    void remember(const RepositoryMemory& memory);
    /// Of what is missed, what the repository offers in an older version or build; by base.
    std::vector<SeenPackage> went_back(const std::string& name);

  private:
    Catalog& catalog_;
};

} // namespace pkgjail::catalog
