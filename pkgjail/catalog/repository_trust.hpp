// What is remembered of the signatures of each repository: which index was accepted last, so that no older
// and no other one is taken later.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/catalog/catalog.hpp"

namespace pkgjail::catalog {

struct RepositoryTrust {
    std::string name;                 ///< as in repositories.conf
    std::string identity;             ///< what its signed index calls itself; empty: none was accepted yet
    std::uint64_t serial = 0;         ///< of the index that was accepted last
    std::int64_t made_at = 0;         ///< Unix seconds; the greatest one that an accepted index gave
    std::int64_t expires_at = 0;      ///< of the index that was accepted last
    std::string text_sha256;          ///< of its signed text
    std::vector<std::string> signers; ///< ids of the keys whose signatures on it were good
    std::vector<std::string> revoked; ///< ids of keys that a signed index has taken back
    std::optional<std::int64_t> package_signed_at; ///< when a package with a good signature was last taken
    bool operator==(const RepositoryTrust&) const = default;
};

class RepositoryTrusts {
  public:
    explicit RepositoryTrusts(Catalog& catalog) : catalog_(catalog) {}
    std::optional<RepositoryTrust> find(const std::string& name);
    std::vector<RepositoryTrust> all(); ///< by name
    /// Adds or replaces; part of the caller's transaction, if there is one.
    void remember(const RepositoryTrust& trust);
    /// Packages of this repository are signed: one without a signature is known to have lost it.
    void note_signed_package(const std::string& name, std::int64_t at);

  private:
    Catalog& catalog_;
};

} // namespace pkgjail::catalog
