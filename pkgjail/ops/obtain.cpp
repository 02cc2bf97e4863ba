#include "pkgjail/ops/obtain.hpp"

#include <algorithm>
#include <set>
#include <type_traits>

#include <fcntl.h>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/base/host.hpp"
#include "pkgjail/base/look.hpp"
#include "pkgjail/base/parallel.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/catalog/images.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/ops/libraries.hpp"
#include "pkgjail/ops/package_trust.hpp"
#include "pkgjail/ops/promises.hpp"
#include "pkgjail/ops/universe.hpp"
#include "pkgjail/store/repack.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

std::set<std::string> as_set(const std::vector<std::string>& list) {
    return {list.begin(), list.end()};
}

[[noreturn]] void refuse_difference(const std::string& pkgname, std::string cause) {
    throw Error(ErrorKind::trust, pkgname, std::move(cause),
                "run `pkgjail update`; if it stays, the repository is damaged");
}

/// What the package says of itself must be what the index promised: an index that adds or drops a dependency
/// would otherwise decide what gets installed. `record`: of the index that led to the archive.
void check_against_promise(const solve::Offer& offer,
                           const std::optional<catalog::AvailablePackage>& available,
                           const format::PackageMetadata& metadata, Digests digests) {
    const format::Plist& plist = metadata.plist;
    if (plist.pkgname != offer.pkgname)
        refuse_difference(offer.pkgname, fmt::format("the archive holds {}", plist.pkgname));
    if (digests == Digests::exact) // then the archive is the one that was asked for, whatever an index says
        return;
    if (offer.repository != local_files && as_set(plist.depends) != as_set(offer.depends))
        refuse_difference(offer.pkgname,
                          fmt::format("needs [{}] according to the archive, but [{}] according to the index",
                                      fmt::join(plist.depends, ", "), fmt::join(offer.depends, ", ")));
    if (!available)
        return;
    const auto compare = [&](const char* key, const char* what, const std::string& promised) {
        const std::string found = metadata.build_info.get(key).value_or("");
        if (!promised.empty() && found != promised)
            refuse_difference(offer.pkgname,
                              fmt::format("is for {} {} according to the archive, but {} according to the "
                                          "index",
                                          what, found.empty() ? "unknown" : found, promised));
    };
    compare("MACHINE_ARCH", "architecture", available->record.machine_arch);
    compare("OPSYS", "system", available->record.opsys);
}

/// By the dates of an index that nobody has signed an old copy is recognised: none may make an older build of
/// one version look newer than it is. And where the index gives no digest, nothing else tells the build that
/// it promises from the one before, which a mirror that is being filled still has under the same name.
void check_build_date(const catalog::AvailablePackage& available, const format::PackageMetadata& metadata) {
    const std::string found = metadata.build_info.get("BUILD_DATE").value_or("");
    const auto built = format::parse_build_date(found);
    const auto promised = format::parse_build_date(available.record.build_date);
    if (built && promised && *built < *promised)
        refuse_difference(
            available.record.pkgname,
            fmt::format("was built at {} according to the archive, but {} according to the index", found,
                        available.record.build_date));
}

void check_host(const Context& context, const std::string& pkgname, const format::PackageMetadata& metadata) {
    const format::PlatformCheck check = format::check_platform(
        metadata.build_info, base::host_opsys(), base::host_os_version(), base::host_machine_arch());
    if (!check.problem.empty())
        throw Error(ErrorKind::corrupt, pkgname, check.problem, "use a repository built for this platform");
    if (!check.advice.empty())
        context.reporter.doing(pkgname + ": " + check.advice);
}

repo::WantedArchive wanted_by_digest(const std::string& pkgname, const std::string& sha256) {
    repo::WantedArchive wanted;
    wanted.pkgname = pkgname;
    wanted.digest_algorithm = "sha256";
    wanted.digest = sha256;
    return wanted;
}

bool is_undigested(const catalog::AvailablePackage& available) {
    return available.record.cksum_algorithm.empty();
}

/// Whether another archive may do better.
bool is_of_archive(const Error& error) {
    return error.kind() == ErrorKind::trust || error.kind() == ErrorKind::corrupt;
}

/// The same failure, of an archive that comes from a repository and may be another one the next time.
Error of_half_filled(const Error& error) {
    const std::string hint = "the repository may be in the middle of an update";
    Error hinted(error.kind(), error.object(), error.cause(),
                 error.hint().empty() ? hint + "; try again later"
                                      : hint + ", then try again later; else " + error.hint());
    for (auto context = error.context().rbegin(); context != error.context().rend(); ++context)
        hinted.add_context(*context);
    return hinted;
}

/// The archives of a plan, each from where it can be had: the operator's file, the cache by its known digest,
/// a repository.
class Obtaining {
  public:
    Obtaining(Session& session, const std::map<std::string, base::HostPath>& local,
              const KnownArchives& known, Digests digests)
        : context_(session.context()), local_(local), known_(known), digests_(digests),
          packages_(session.catalog()), images_(session.catalog()), cache_(context_.layout.cache()),
          trust_(session) {}

    Archives run(const solve::Plan& plan) {
        std::vector<std::optional<repo::CheckedArchive>> found(plan.result.size());
        origins_.resize(plan.result.size());
        std::vector<std::size_t> places;
        for (std::size_t i = 0; i < plan.result.size(); ++i) {
            found[i] = at_hand(plan.result[i], origins_[i]);
            if (!found[i])
                found[i] = packed_again(plan.result[i], origins_[i]);
            if (!found[i] && want(plan.result[i], origins_[i]))
                places.push_back(i);
        }
        refuse_inexact();
        context_.reporter.doing("fetch and check " + jail::counted(wanted_.size(), "package"));
        Archives result;
        const auto progress = [&](const repo::Progress& p) {
            result.downloaded_bytes = std::max(result.downloaded_bytes, p.bytes_done);
            context_.reporter.progress("fetch " + p.current, p.bytes_done, p.bytes_total);
        };
        auto fetched = cache_.obtain(wanted_, context_.config.network, progress);
        for (std::size_t i = 0; i < places.size(); ++i)
            found[places[i]] = std::move(fetched[i]);
        for (std::size_t i = 0; i < found.size(); ++i) {
            found[i]->pkgname = plan.result[i].package.pkgname;
            compare_digest(plan.result[i], origins_[i], *found[i]);
            result.proofs.push_back(prove(plan.result[i].package, origins_[i], *found[i]));
            result.archives.push_back(std::move(*found[i]));
        }
        result.metadata.resize(found.size());
        base::in_parallel(found.size(), [&](std::size_t i) {
            const repo::CheckedArchive& archive = result.archives[i];
            result.metadata[i] = base::while_doing("check " + archive.pkgname, [&] {
                return forgetting_refused(origins_[i], [&] {
                    return format::read_package_metadata(archive.fd, archive.path.filename().string());
                });
            });
        });
        for (std::size_t i = 0; i < found.size(); ++i)
            check(plan.result[i].package, origins_[i], result.metadata[i], result);
        refuse_inexact();
        return result;
    }

  private:
    /// Where an archive comes from, and so what there is to be proved of it.
    struct Origin {
        std::optional<catalog::AvailablePackage> available; ///< fetched as this record says
        std::string proof;                                  ///< otherwise: by what it is believed
    };

    /// Forgets an archive that no digest names: the next command would find it, whatever its repository has
    /// by then. False where there is none.
    bool forget(const Origin& origin) const {
        if (!origin.available || !is_undigested(*origin.available))
            return false;
        cache_.forget(wanted_from(context_, *origin.available));
        return true;
    }

    template <class Work>
    std::invoke_result_t<Work> forgetting_refused(const Origin& origin, Work&& work) const {
        try {
            return work();
        } catch (const Error& error) {
            if (is_of_archive(error) && forget(origin))
                throw of_half_filled(error);
            throw;
        }
    }

    const std::string* known_digest(const std::string& pkgname) const {
        const auto digest = known_.digests.find(pkgname);
        return digest == known_.digests.end() ? nullptr : &digest->second;
    }

    std::optional<repo::CheckedArchive> at_hand(const solve::Plan::Member& member, Origin& origin) {
        const std::string& pkgname = member.package.pkgname;
        if (member.package.repository == local_files && local_.contains(pkgname)) {
            repo::CheckedArchive archive = repo::check_local_archive(local_.at(pkgname));
            origin.proof = "file";
            // The operator's file may change at any time, what is in the cache does not.
            auto kept = kept_in_cache(pkgname, archive);
            if (!kept)
                throw Error(ErrorKind::corrupt, local_.at(pkgname).string(), "changed while it was read",
                            "try again when nobody writes to it");
            return kept;
        }
        if (const auto available = find_record(context_, packages_, member.package))
            trust_.tell_none(*find_repository(context_.config, available->repository));
        const std::string* digest = known_digest(pkgname);
        if (digest == nullptr || (!member.already_present && digests_ != Digests::exact))
            return std::nullopt;
        origin.proof = known_proof(pkgname, *digest);
        return cache_.find(wanted_by_digest(pkgname, *digest));
    }

    /// By what an archive of this digest is believed: the digest is what a lock or the catalog gives.
    std::string known_proof(const std::string& pkgname, const std::string& digest) {
        return digests_ == Digests::exact ? "pinned: lock file" : images_.trust_of(pkgname, digest);
    }

    /// What its repository offers no more, from an image where the cache has lost it.
    std::optional<repo::CheckedArchive> packed_again(const solve::Plan::Member& member, Origin& origin) {
        const std::string& pkgname = member.package.pkgname;
        const std::string* digest = known_digest(pkgname);
        if (digests_ == Digests::exact || digest == nullptr ||
            packages_.find(member.package.repository, pkgname))
            return std::nullopt;
        // What another repository has under this name may be believed by less, and comes last.
        origin.proof = known_proof(pkgname, *digest);
        if (auto archive = cache_.find(wanted_by_digest(pkgname, *digest)))
            return archive;
        if (known_.image == nullptr)
            return std::nullopt;
        const catalog::Image& image = *known_.image;
        origin.proof = proof_in(image, pkgname);
        context_.reporter.warn(fmt::format("{}: its repository offers it no more and the cache has lost its "
                                           "archive; it is packed again from image {}",
                                           pkgname, image.id.substr(0, 12)));
        const base::HostPath file = context_.layout.cache() / ("fetch-" + base::random_hex(8));
        try {
            const base::Fd output = base::open_file(file, O_WRONLY | O_CREAT | O_EXCL, 0600);
            store::repack(base::Tree::open(context_.layout.image(image.id)), pkgname, image.prefix, output,
                          file.string());
            auto kept = kept_in_cache(pkgname, repo::check_local_archive(file));
            base::remove_entry(file);
            return kept;
        } catch (...) {
            base::remove_entry(file);
            throw;
        }
    }

    std::optional<repo::CheckedArchive> kept_in_cache(const std::string& pkgname,
                                                      const repo::CheckedArchive& archive) {
        // What had its name there may be rotten; find() removes that.
        for (int attempt = 0; attempt < 2; ++attempt) {
            cache_.keep(archive);
            if (auto kept = cache_.find(wanted_by_digest(pkgname, archive.sha256)))
                return kept;
        }
        return std::nullopt;
    }

    /// By what the package in this very image was believed: its files are not proved by the archive's digest.
    static std::string proof_in(const catalog::Image& image, const std::string& pkgname) {
        for (const catalog::ImagePackage& package : image.packages)
            if (package.pkgname == pkgname)
                return package.trust;
        return {};
    }

    /// False when nobody has it and that is noted.
    bool want(const solve::Plan::Member& member, Origin& origin) {
        const std::string& pkgname = member.package.pkgname;
        const std::string* digest = known_digest(pkgname);
        if (auto available = find_record(context_, packages_, member.package)) {
            if (digests_ == Digests::exact) // the lock's digest decides, below
                origin.proof = "pinned: lock file";
            else
                trust_.admit(*find_repository(context_.config, available->repository), available->record);
            wanted_.push_back(wanted_from(context_, *available));
            origin.available = std::move(available);
            return true;
        }
        if (digests_ == Digests::exact) {
            inexact_.push_back(pkgname + ": no repository offers it, and the cache does not have it");
            return false;
        }
        if (digest == nullptr)
            throw Error(ErrorKind::network, pkgname, "no repository offers it any more",
                        "run `pkgjail update`");
        wanted_.push_back(wanted_by_digest(pkgname, *digest)); // the cache may have got it meanwhile
        origin.proof = known_proof(pkgname, *digest);
        return true;
    }

    void compare_digest(const solve::Plan::Member& member, const Origin& origin,
                        const repo::CheckedArchive& archive) {
        const std::string* digest = known_digest(archive.pkgname);
        if (digest == nullptr || *digest == archive.sha256)
            return;
        if (digests_ == Digests::exact) {
            forget(origin);
            inexact_.push_back(fmt::format("{}: the repository has SHA-256 {}, locked is {}", archive.pkgname,
                                           archive.sha256, *digest));
        } else if (member.already_present && find_record(context_, packages_, member.package))
            context_.reporter.warn(fmt::format("{}: the archive that it was installed from is gone; the "
                                               "repository's present build is taken",
                                               archive.pkgname));
    }

    void refuse_inexact() const {
        if (inexact_.empty())
            return;
        throw Error(ErrorKind::trust,
                    inexact_.size() == 1 ? "lock" : fmt::format("{} packages", inexact_.size()),
                    fmt::format("{}", fmt::join(inexact_, "; ")),
                    "install without --locked, or from a repository that still has these archives");
    }

    /// By what the archive is believed. Who made it comes before anything in it is looked at.
    std::string prove(const solve::Offer& offer, const Origin& origin, const repo::CheckedArchive& archive) {
        if (!origin.available || digests_ == Digests::exact)
            return origin.proof;
        return base::while_doing("check " + offer.pkgname, [&] {
            try {
                return trust_.prove(*find_repository(context_.config, origin.available->repository),
                                    offer.pkgname, archive);
            } catch (const Error& error) {
                // What to do about a signature it says itself, and an operator may have said no.
                if (is_of_archive(error) && forget(origin) && error.kind() != ErrorKind::trust)
                    throw of_half_filled(error);
                throw;
            }
        });
    }

    void check(const solve::Offer& offer, const Origin& origin, const format::PackageMetadata& metadata,
               Archives& result) const {
        base::while_doing("check " + offer.pkgname, [&] {
            forgetting_refused(origin, [&] {
                check_against_promise(offer, origin.available, metadata, digests_);
                if (origin.available && digests_ != Digests::exact && goes_by_dates(*origin.available))
                    check_build_date(*origin.available, metadata);
            });
            check_host(context_, offer.pkgname, metadata);
        });
        if (origin.available && is_undigested(*origin.available)) {
            const repo::CheckedArchive& archive = result.archives[result.repositories.size()];
            result.undigested.emplace(archive.path.filename().string(),
                                      wanted_from(context_, *origin.available));
        }
        result.repositories.push_back(origin.available ? origin.available->repository : std::string());
    }

    bool goes_by_dates(const catalog::AvailablePackage& available) const {
        return is_undigested(available) ||
               find_repository(context_.config, available.repository)->trust == jail::Trust::package_signed;
    }

    const Context& context_;
    const std::map<std::string, base::HostPath>& local_;
    const KnownArchives& known_;
    Digests digests_;
    catalog::Packages packages_;
    catalog::Images images_;
    repo::Cache cache_;
    PackageTrust trust_;
    std::vector<Origin> origins_; ///< in the plan's order
    std::vector<repo::WantedArchive> wanted_;
    std::vector<std::string> inexact_;
};

void check_libraries(const Context& context, const std::vector<format::PackageMetadata>& packages) {
    constexpr std::size_t shown = 10;
    std::vector<std::string> missing =
        missing_libraries(packages, context.config.prefix, store::configured_base(context.config.base));
    if (missing.empty())
        return;
    const std::size_t more = missing.size() > shown ? missing.size() - shown : 0;
    missing.resize(missing.size() - more);
    throw Error(ErrorKind::unsolvable, "shared libraries",
                fmt::format("{}, which no package of the set brings and the base does not have{}",
                            fmt::join(missing, "; "), more == 0 ? "" : fmt::format("; and {} more", more)),
                "the repository's packages do not fit together or were built for another system; try again "
                "after `pkgjail update`");
}

} // namespace

Archives obtain_archives(Session& session, const solve::Plan& plan,
                         const std::map<std::string, base::HostPath>& local, const KnownArchives& known,
                         Digests digests) {
    Archives result = Obtaining(session, local, known, digests).run(plan);
    check_libraries(session.context(), result.metadata);
    base::step("install.archives_checked");
    return result;
}

base::Error forget_undigested(const Context& context, const Archives& archives, const base::Error& error) {
    const auto archive = archives.undigested.find(error.object());
    if (!is_of_archive(error) || archive == archives.undigested.end())
        return error;
    repo::Cache(context.layout.cache()).forget(archive->second);
    return of_half_filled(error);
}

} // namespace pkgjail::ops
