// Known vulnerabilities: the list that was fetched last, ready to be asked about one package.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/catalog/catalog.hpp"
#include "pkgjail/format/vulnerabilities.hpp"

namespace pkgjail::catalog {

/// The list as it was last fetched.
struct VulnerabilityListState {
    std::string url;
    std::string etag; ///< validators for the next conditional request; may be empty
    std::string last_modified;
    std::string sha256;                     ///< of the file as it was downloaded
    std::string revision;                   ///< as the list itself says; may be empty
    std::optional<std::int64_t> written_at; ///< the same; Unix seconds
    std::string signed_by;                  ///< whose signature was checked; empty: nobody's was
    std::int64_t checked_at = 0;            ///< last time it was asked for, Unix seconds
    std::int64_t refreshed_at = 0;          ///< last time there was a new one
    std::int64_t entries = 0;               ///< counted by replace()
};

class Vulnerabilities {
  public:
    explicit Vulnerabilities(Catalog& catalog);

    /// nullopt: none was ever fetched.
    std::optional<VulnerabilityListState> list();
    /// Remembers that it was asked for and is still the same. Error{not_found} when there is none.
    void mark_checked(std::int64_t at);
    /// The whole list anew, in one transaction.
    void replace(const VulnerabilityListState& state, const std::vector<format::Vulnerability>& entries);
    /// The entries whose pattern matches this package, in the list's order. Any bytes may stand in `pkgname`.
    std::vector<format::Vulnerability> of_package(const std::string& pkgname);

  private:
    Catalog& catalog_;
    std::optional<Statement> by_base_; ///< asked for every package
};

} // namespace pkgjail::catalog
