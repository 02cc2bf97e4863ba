// Whether packages have known vulnerabilities, by the list that was fetched last and the operator's word on
// what to live with.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/catalog/images.hpp"
#include "pkgjail/catalog/vulnerabilities.hpp"
#include "pkgjail/format/pattern.hpp"
#include "pkgjail/ops/context.hpp"
#include "pkgjail/solve/solver.hpp"

namespace pkgjail::ops {

/// A package and an entry of the list that means it.
struct KnownVulnerability {
    std::string pkgname;
    format::Vulnerability entry;
    /// What the operator said of it. It counts all the same where that has run out.
    std::optional<jail::IgnoredVulnerability> ignored;
    bool counts = true;
};

/// The list and the configuration together. The catalog must outlive it.
class VulnerabilityCheck {
  public:
    /// Error{configuration} for an [ignore] whose package is no pattern.
    VulnerabilityCheck(const jail::VulnerabilityConfig& config, catalog::Catalog& catalog);

    /// nullopt: no list was ever fetched, so nothing is known of any package.
    const std::optional<catalog::VulnerabilityListState>& list() const { return list_; }
    /// Since it was written, where the list says when; else since it was last asked for. Never negative.
    std::int64_t age_seconds() const;
    bool is_too_old() const;

    /// Ignored ones too; without end-of-life entries where these do not count.
    const std::vector<KnownVulnerability>& of(const std::string& pkgname);
    bool is_vulnerable(const std::string& pkgname);
    /// Packages with at least one that counts.
    std::size_t count(const catalog::Image& image);

  private:
    struct Ignored {
        jail::IgnoredVulnerability rule;
        std::optional<format::Pattern> package;
        bool means(const std::string& pkgname, const format::Vulnerability& entry) const;
    };
    const jail::VulnerabilityConfig& config_;
    catalog::Vulnerabilities vulnerabilities_;
    std::optional<catalog::VulnerabilityListState> list_;
    std::vector<Ignored> ignored_;
    std::map<std::string, std::vector<KnownVulnerability>> known_; ///< by pkgname: jails share many
};

/// "a denial-of-service vulnerability, see URL"; "reached its end of life, see URL".
std::string vulnerability_words(const format::Vulnerability& entry);

/// Before new packages come into a jail: a note for each that has known vulnerabilities, or Error{finding}
/// where the configuration says `install = refuse`, also while no list was ever fetched.
void tell_vulnerable(const Context& context, catalog::Catalog& catalog, const solve::Plan& plan);
/// The same for plans of several jails: `check` is made when it is first needed.
void tell_vulnerable(const Context& context, catalog::Catalog& catalog, const solve::Plan& plan,
                     std::optional<VulnerabilityCheck>& check);

} // namespace pkgjail::ops
