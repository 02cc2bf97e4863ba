#include "pkgjail/ops/index_trust.hpp"

#include <algorithm>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/ops/repository_keys.hpp"
#include "pkgjail/repo/repository.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using format::PublicKey;

namespace {

constexpr std::size_t most_key_bytes = 4096;

PublicKey read_key(const jail::RepositoryConfig& repository, const std::string& setting) {
    const std::string section = fmt::format("[repository {}] key", repository.name);
    std::string text = setting;
    try {
        if (setting.starts_with('/'))
            text = base::read_file(setting, most_key_bytes);
        return PublicKey::parse(text);
    } catch (const Error& error) {
        throw Error(ErrorKind::configuration, section, fmt::format("{}: {}", setting, error.cause()),
                    "pkgjail repo key list shows your own");
    }
}

std::string section_of(const jail::RepositoryConfig& repository) {
    return fmt::format("[repository {}]", repository.name);
}

bool is_pinned(const jail::RepositoryConfig& repository, const std::string& sha256) {
    return std::find(repository.pins.begin(), repository.pins.end(), sha256) != repository.pins.end();
}

/// The keys that signed the index and still count.
std::vector<std::string> present_signers(const Context& context, const jail::RepositoryConfig& repository,
                                         const catalog::RepositoryTrust& seen) {
    const std::vector<PublicKey> keys = configured_keys(repository);
    const std::set<std::string> revoked = revoked_keys(context, seen);
    std::vector<std::string> signers;
    std::vector<std::string> taken_back;
    for (const std::string& id : seen.signers) {
        const bool known =
            std::any_of(keys.begin(), keys.end(), [&](const PublicKey& key) { return key.id() == id; });
        if (known)
            (revoked.contains(id) ? taken_back : signers).push_back(id);
    }
    if (!signers.empty())
        return signers;
    throw Error(ErrorKind::trust, repo::shown_repository(repository),
                taken_back.empty()
                    ? fmt::format("its index was signed by key {}, which is no longer configured",
                                  fmt::join(seen.signers, ", "))
                    : fmt::format("its index was signed by key {}, which was revoked since",
                                  fmt::join(taken_back, ", ")),
                "run `pkgjail update`, with the publisher's present key in " + section_of(repository) +
                    " of repositories.conf");
}

void tell_expiry(const Context& context, const jail::RepositoryConfig& repository,
                 const catalog::RepositoryTrust& seen, base::WallTime now) {
    const auto left = base::from_unix(seen.expires_at) - now;
    const auto lifetime = base::from_unix(seen.expires_at) - base::from_unix(seen.made_at);
    if (left * 5 < lifetime)
        context.reporter.warn(fmt::format(
            "repository {}: its index expires in {}; after that no package is taken from it", repository.name,
            base::format_duration(std::chrono::duration_cast<std::chrono::seconds>(left))));
}

std::string require_signed_index(const Context& context, catalog::Catalog& catalog,
                                 const jail::RepositoryConfig& repository) {
    const std::string shown = repo::shown_repository(repository);
    const auto state = catalog::Packages(catalog).repository(repository.name);
    const auto seen = catalog::RepositoryTrusts(catalog).find(repository.name);
    if (!state || !fits_policy(repository, *state) || !seen)
        throw Error(ErrorKind::trust, shown,
                    "the index at hand was taken before trust = index-signed was set and is not proved",
                    "pkgjail update");
    const std::vector<std::string> signers = present_signers(context, repository, *seen);
    if (!repository.id.empty() && repository.id != seen->identity)
        throw Error(ErrorKind::trust, shown,
                    fmt::format("the index at hand is that of repository {}, wanted is {}", seen->identity,
                                repository.id),
                    "pkgjail update");
    const base::WallTime made_at = base::from_unix(seen->made_at);
    const base::WallTime now = repo::effective_now(base::wall_now(), made_at);
    repo::require_fresh(shown, made_at, base::from_unix(seen->expires_at), now);
    tell_expiry(context, repository, *seen, now);
    return fmt::format("index-signed: {} {}, key {}", seen->identity, seen->serial, fmt::join(signers, " "));
}

std::string require_pinned_index(catalog::Catalog& catalog, const jail::RepositoryConfig& repository) {
    const std::string shown = repo::shown_repository(repository);
    if (repository.pins.empty())
        throw Error(ErrorKind::trust, shown,
                    "no digest is pinned, so its packages can be installed by a lock file only",
                    fmt::format("set `pin = sha256:…` in {} of repositories.conf, or use pkgjail install "
                                "--locked FILE",
                                section_of(repository)));
    const auto state = catalog::Packages(catalog).repository(repository.name);
    if (!state || !is_pinned(repository, state->sha256))
        throw Error(
            ErrorKind::trust, shown,
            fmt::format("the index at hand is not the pinned one: sha256:{}", state ? state->sha256 : "none"),
            "pkgjail update");
    return fmt::format("pinned: index sha256:{}", state->sha256);
}

} // namespace

std::vector<PublicKey> configured_keys(const jail::RepositoryConfig& repository) {
    std::vector<PublicKey> keys;
    for (const std::string& setting : repository.keys)
        keys.push_back(read_key(repository, setting));
    return keys;
}

std::set<std::string> revoked_keys(const Context& context,
                                   const std::optional<catalog::RepositoryTrust>& seen) {
    std::set<std::string> ids;
    for (const RevokedKey& key : read_revoked_keys(context))
        ids.insert(key.id);
    if (seen)
        ids.insert(seen->revoked.begin(), seen->revoked.end());
    return ids;
}

repo::IndexRules index_rules(const Context& context, const jail::RepositoryConfig& repository,
                             const std::optional<catalog::RepositoryTrust>& seen, bool allow_older) {
    repo::IndexRules rules;
    rules.name = repository.name;
    rules.repository = repo::shown_repository(repository);
    rules.section = section_of(repository);
    rules.identity = repository.id;
    rules.keys = configured_keys(repository);
    if (rules.keys.empty())
        throw Error(
            ErrorKind::trust, rules.repository,
            "no key is configured that its signature could be compared with",
            fmt::format("get the publisher's key from somebody you trust and set `key = ed25519:…` in "
                        "{} of repositories.conf",
                        rules.section));
    rules.revoked = revoked_keys(context, seen);
    if (seen && !seen->identity.empty())
        rules.seen =
            repo::SeenIndex{seen->identity, seen->serial, base::from_unix(seen->made_at), seen->text_sha256};
    rules.now = base::wall_now();
    rules.allow_older = allow_older;
    return rules;
}

catalog::RepositoryTrust remembered(const jail::RepositoryConfig& repository,
                                    const std::optional<catalog::RepositoryTrust>& seen,
                                    const repo::AcceptedIndex& accepted) {
    const format::SignedIndex& index = accepted.index;
    catalog::RepositoryTrust trust;
    trust.name = repository.name;
    trust.identity = index.repository;
    trust.serial = index.serial;
    trust.made_at = base::to_unix(index.made_at);
    trust.expires_at = base::to_unix(index.expires);
    trust.text_sha256 = accepted.text_sha256;
    trust.signers = accepted.signers;
    trust.revoked = index.revoked;
    if (seen) {
        trust.package_signed_at = seen->package_signed_at;
        // What was taken back stays so, and so does the greatest time; but an older index that the operator
        // has let pass must be usable.
        if (seen->identity == index.repository) {
            trust.revoked.insert(trust.revoked.end(), seen->revoked.begin(), seen->revoked.end());
            if (!accepted.older)
                trust.made_at = std::max(trust.made_at, seen->made_at);
        }
    }
    std::sort(trust.revoked.begin(), trust.revoked.end());
    trust.revoked.erase(std::unique(trust.revoked.begin(), trust.revoked.end()), trust.revoked.end());
    return trust;
}

bool fits_policy(const jail::RepositoryConfig& repository, const catalog::RepositoryState& state) {
    switch (repository.trust) {
    case jail::Trust::index_signed:
        return state.trust == jail::trust_name(repository.trust);
    case jail::Trust::pinned:
        return repository.pins.empty() || is_pinned(repository, state.sha256);
    case jail::Trust::package_signed:
    case jail::Trust::none:
        break;
    }
    return true;
}

std::string require_index(const Context& context, catalog::Catalog& catalog,
                          const jail::RepositoryConfig& repository) {
    switch (repository.trust) {
    case jail::Trust::index_signed:
        return require_signed_index(context, catalog, repository);
    case jail::Trust::pinned:
        return require_pinned_index(catalog, repository);
    case jail::Trust::package_signed:
    case jail::Trust::none:
        break;
    }
    return "";
}

} // namespace pkgjail::ops
