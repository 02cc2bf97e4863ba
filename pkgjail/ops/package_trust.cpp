#include "pkgjail/ops/package_trust.hpp"
#include "pkgjail/format/changed_package.hpp"

#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/catalog/repository_trust.hpp"
#include "pkgjail/ops/index_trust.hpp"
#include "pkgjail/ops/promises.hpp"
#include "pkgjail/ops/universe.hpp"
#include "pkgjail/repo/repository.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using jail::Trust;
using jail::Verification;

namespace {

constexpr const char* by_operator = "package-signed: not proved, accepted by the operator";

bool goes_by_index(const jail::RepositoryConfig& repository) {
    return repository.trust == Trust::index_signed || repository.trust == Trust::pinned;
}

void require_digest(const jail::RepositoryConfig& repository, const format::SummaryRecord& record) {
    if (record.cksum_algorithm != "sha512" && record.cksum_algorithm != "sha256")
        throw Error(ErrorKind::trust, record.pkgname,
                    fmt::format("the index of {} has {} for it, and trust = {} goes by SHA-512 or SHA-256",
                                repo::shown_repository(repository),
                                record.cksum_algorithm.empty() ? "no digest (FILE_CKSUM)"
                                                               : "only a digest by " + record.cksum_algorithm,
                                jail::trust_name(repository.trust)),
                    "the index has to be made anew: pkgjail repo index DIR --sign");
}

} // namespace

void PackageTrust::tell_none(const jail::RepositoryConfig& repository) {
    if (repository.trust != Trust::none || !told_.insert(repository.name).second)
        return;
    context_.reporter.warn(
        fmt::format("repository {}: packages are not authenticated (trust = none)", repository.name));
    const auto seen = catalog::RepositoryTrusts(session_.catalog()).find(repository.name);
    if (seen && (!seen->identity.empty() || seen->package_signed_at))
        context_.reporter.warn(
            fmt::format("repository {}: it was signed before, and its signatures are not looked at now",
                        repository.name));
}

void PackageTrust::admit(const jail::RepositoryConfig& repository) {
    tell_none(repository);
    if (repository.trust == Trust::package_signed)
        signing_rules(repository);
    else if (!index_proofs_.contains(repository.name))
        index_proofs_[repository.name] = require_index(context_, session_.catalog(), repository);
}

void PackageTrust::admit(const jail::RepositoryConfig& repository, const format::SummaryRecord& record) {
    admit(repository);
    if (repository.trust != Trust::package_signed && repository.trust != Trust::none)
        require_digest(repository, record);
}

std::string PackageTrust::prove(const jail::RepositoryConfig& repository, const std::string& pkgname,
                                const repo::CheckedArchive& archive) {
    if (repository.trust == Trust::package_signed)
        return prove_signature(repository, pkgname, archive);
    return repository.trust == Trust::none ? "none" : index_proofs_.at(repository.name);
}

const repo::SigningRules& PackageTrust::signing_rules(const jail::RepositoryConfig& repository) {
    const auto known = rules_.find(repository.name);
    if (known != rules_.end())
        return known->second;
    return rules_
        .emplace(repository.name, repo::signing_rules(repository, context_.layout.cache(), base::wall_now()))
        .first->second;
}

std::string PackageTrust::prove_signature(const jail::RepositoryConfig& repository,
                                          const std::string& pkgname, const repo::CheckedArchive& archive) {
    const repo::SigningRules& rules = signing_rules(repository);
    std::string proof;
    try {
        proof = check_signature(repository, rules, pkgname, archive);
    } catch (const format::ChangedAfterSigning&) {
        throw; // whatever may be accepted without a signature
    } catch (const Error& error) {
        if (rules.verification == Verification::always || error.kind() != ErrorKind::trust ||
            !context_.reporter.confirm(
                fmt::format("{}: {}. Install it all the same?", pkgname, error.cause())))
            throw;
        return fmt::format("{} ({})", by_operator, error.cause());
    }
    catalog::RepositoryTrusts(session_.catalog())
        .note_signed_package(repository.name, base::to_unix(base::wall_now()));
    if (rules.verification == Verification::interactive &&
        !context_.reporter.confirm(fmt::format("{} is proved ({}). Install it?", pkgname, proof)))
        throw Error(ErrorKind::trust, pkgname, "was not accepted by the operator");
    return "package-signed: " + proof;
}

std::string PackageTrust::check_signature(const jail::RepositoryConfig& repository,
                                          const repo::SigningRules& rules, const std::string& pkgname,
                                          const repo::CheckedArchive& archive) {
    const auto signature = format::read_package_signature(archive.fd, archive.path.filename().string());
    if (!signature) {
        const auto seen = catalog::RepositoryTrusts(session_.catalog()).find(repository.name);
        if (seen && seen->package_signed_at)
            throw Error(ErrorKind::trust, pkgname,
                        fmt::format("its signature is gone: packages of {} were signed before, last at {}",
                                    rules.repository,
                                    base::format_time(base::from_unix(*seen->package_signed_at))),
                        "ask the repository's owner; somebody may have taken it away to give you another "
                        "package");
        throw Error(
            ErrorKind::trust, pkgname,
            fmt::format("it is not signed, and trust = package-signed in {} needs that", rules.section),
            "for a repository that you control, pkgjail repo index DIR --sign and trust = "
            "index-signed");
    }
    if (signature->pkgname != pkgname)
        throw format::ChangedAfterSigning(
            pkgname,
            fmt::format("the signed package is {}, and the index promises {}", signature->pkgname, pkgname),
            "run `pkgjail update`; if it stays, the repository is damaged");
    return repo::prove_package(signature->parts, rules, pkgname);
}

void require_believed_indexes(const Context& context, catalog::Catalog& catalog, const solve::Plan& plan) {
    catalog::Packages packages(catalog);
    std::set<std::string> believed;
    for (const solve::Plan::Member& member : plan.result) {
        if (member.already_present || member.package.repository == local_files)
            continue;
        const auto* named = find_repository(context.config, member.package.repository);
        if (named != nullptr && !goes_by_index(*named))
            continue;
        const auto available = find_record(context, packages, member.package);
        const auto* repository = available ? find_repository(context.config, available->repository) : nullptr;
        if (repository == nullptr || !goes_by_index(*repository))
            continue;
        if (believed.insert(repository->name).second)
            require_index(context, catalog, *repository);
        require_digest(*repository, available->record);
    }
}

} // namespace pkgjail::ops
