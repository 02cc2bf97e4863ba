// By what the archives of one command are believed: the policy of each repository, asked before anything of
// it is fetched, and again of each archive before anything in it is looked at.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "pkgjail/catalog/packages.hpp"
#include "pkgjail/format/signed_package.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/repo/cache.hpp"
#include "pkgjail/repo/package_signature.hpp"
#include "pkgjail/solve/solver.hpp"

namespace pkgjail::ops {

class PackageTrust {
  public:
    explicit PackageTrust(Session& session) : session_(session), context_(session.context()) {}

    /// Says once that packages of this repository are not authenticated, if that is its policy.
    void tell_none(const jail::RepositoryConfig& repository);
    /// Before anything is taken from the repository: tell_none, and Error{trust} when its index is not to be
    /// believed (any more).
    void admit(const jail::RepositoryConfig& repository);
    /// Before the archive is fetched. Throws Error{trust} when the repository's index is not to be believed
    /// (any more), or has no digest where the policy goes by it.
    void admit(const jail::RepositoryConfig& repository, const format::SummaryRecord& record);
    /// After it was fetched and before it is read. The words that say by what it is believed; Error{trust}
    /// when it is not.
    std::string prove(const jail::RepositoryConfig& repository, const std::string& pkgname,
                      const repo::CheckedArchive& archive);

  private:
    const repo::SigningRules& signing_rules(const jail::RepositoryConfig& repository);
    std::string prove_signature(const jail::RepositoryConfig& repository, const std::string& pkgname,
                                const repo::CheckedArchive& archive);
    std::string check_signature(const jail::RepositoryConfig& repository, const repo::SigningRules& rules,
                                const std::string& pkgname, const repo::CheckedArchive& archive);

    Session& session_;
    const Context& context_;
    std::set<std::string> told_; ///< repositories of which it was said that nothing is proved
    std::map<std::string, std::string> index_proofs_; ///< repository → by what its index is believed
    std::map<std::string, repo::SigningRules> rules_; ///< by repository
};

/// What a dry run can know of a plan: Error{trust} where a package would be taken by an index that may not be
/// believed, or not any more, or that has no digest of it. Signatures of packages are in their archives.
void require_believed_indexes(const Context& context, catalog::Catalog& catalog, const solve::Plan& plan);

} // namespace pkgjail::ops
