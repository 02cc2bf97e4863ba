// By what the index of a repository is believed: the operator's keys and pins, what the catalog remembers,
// and the rules of repo/judge_index put together.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "pkgjail/catalog/packages.hpp"
#include "pkgjail/catalog/repository_trust.hpp"
#include "pkgjail/format/signature_key.hpp"
#include "pkgjail/ops/context.hpp"
#include "pkgjail/repo/judge_index.hpp"

namespace pkgjail::ops {

/// The keys of the repository's configuration; a path is read. Throws Error{configuration} for a file that is
/// missing or holds no key.
std::vector<format::PublicKey> configured_keys(const jail::RepositoryConfig& repository);

/// Ids of keys that count no more: those of ETC/keys/revoked and those that a signed index has taken back.
std::set<std::string> revoked_keys(const Context& context,
                                   const std::optional<catalog::RepositoryTrust>& seen);

/// Throws Error{trust} when no key is configured.
repo::IndexRules index_rules(const Context& context, const jail::RepositoryConfig& repository,
                             const std::optional<catalog::RepositoryTrust>& seen, bool allow_older);

/// What is remembered once `accepted` is taken.
catalog::RepositoryTrust remembered(const jail::RepositoryConfig& repository,
                                    const std::optional<catalog::RepositoryTrust>& seen,
                                    const repo::AcceptedIndex& accepted);

/// Whether the index that the catalog has was taken under what the configuration asks for now.
bool fits_policy(const jail::RepositoryConfig& repository, const catalog::RepositoryState& state);

/// Whether packages may be taken by the index that the catalog has, at this moment: still signed by a key
/// that counts, of the right repository and not expired; or pinned. Throws Error{trust}. Returns the words
/// that say by what it is believed: "index-signed: ours 42, key …", "pinned: index sha256:…". For the other
/// policies nothing is asked, and the words are empty. An index that is about to expire is told.
std::string require_index(const Context& context, catalog::Catalog& catalog,
                          const jail::RepositoryConfig& repository);

} // namespace pkgjail::ops
