#include "pkgjail/ops/make_image.hpp"

#include <algorithm>
#include <set>

#include <fcntl.h>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/host.hpp"
#include "pkgjail/base/look.hpp"
#include "pkgjail/base/parallel.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/catalog/accounts.hpp"
#include "pkgjail/catalog/packages.hpp"
#include "pkgjail/confine/driver.hpp"
#include "pkgjail/format/pkgname.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/ops/equal_files.hpp"
#include "pkgjail/ops/libraries.hpp"
#include "pkgjail/ops/package_trust.hpp"
#include "pkgjail/ops/records.hpp"
#include "pkgjail/ops/script_jail.hpp"
#include "pkgjail/ops/universe.hpp"
#include "pkgjail/store/repack.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

const jail::RepositoryConfig* find_repository(const jail::Config& config, const std::string& name) {
    for (const jail::RepositoryConfig& repository : config.repositories)
        if (repository.name == name)
            return &repository;
    return nullptr;
}

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

void check_host(const Context& context, const std::string& pkgname, const format::PackageMetadata& metadata) {
    const format::PlatformCheck check = format::check_platform(
        metadata.build_info, base::host_opsys(), base::host_os_version(), base::host_machine_arch());
    if (!check.problem.empty())
        throw Error(ErrorKind::corrupt, pkgname, check.problem, "use a repository built for this platform");
    if (!check.advice.empty())
        context.reporter.doing(pkgname + ": " + check.advice);
}

/// The record of a configured repository for this pkgname: that of the offer's own, else the best other
/// one's.
std::optional<catalog::AvailablePackage> find_record(const Context& context, catalog::Packages& packages,
                                                     const solve::Offer& offer) {
    if (find_repository(context.config, offer.repository) != nullptr)
        if (auto own = packages.find(offer.repository, offer.pkgname))
            return own;
    for (catalog::AvailablePackage& other :
         packages.by_base(std::string(format::Pkgname::parse(offer.pkgname).base())))
        if (other.record.pkgname == offer.pkgname &&
            find_repository(context.config, other.repository) != nullptr)
            return std::move(other);
    return std::nullopt;
}

repo::WantedArchive wanted_by_digest(const std::string& pkgname, const std::string& sha256) {
    repo::WantedArchive wanted;
    wanted.pkgname = pkgname;
    wanted.digest_algorithm = "sha256";
    wanted.digest = sha256;
    return wanted;
}

repo::WantedArchive wanted_from(const Context& context, const catalog::AvailablePackage& available) {
    repo::WantedArchive wanted;
    wanted.pkgname = available.record.pkgname;
    wanted.repository = *find_repository(context.config, available.repository);
    wanted.file_name = available.record.file_name;
    wanted.size = available.record.file_size;
    wanted.digest_algorithm = available.record.cksum_algorithm;
    wanted.digest = available.record.cksum;
    wanted.build_date = available.record.build_date;
    return wanted;
}

/// The archives of a plan, each from where it can be had: the operator's file, the cache by its known digest,
/// a repository.
class Obtaining {
  public:
    Obtaining(Session& session, const std::map<std::string, base::HostPath>& local,
              const std::map<std::string, std::string>& known, Digests digests)
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
            compare_digest(plan.result[i], *found[i]);
            result.proofs.push_back(prove(plan.result[i].package, origins_[i], *found[i]));
            result.archives.push_back(std::move(*found[i]));
        }
        result.metadata.resize(found.size());
        base::in_parallel(found.size(), [&](std::size_t i) {
            const repo::CheckedArchive& archive = result.archives[i];
            result.metadata[i] = base::while_doing("check " + archive.pkgname, [&] {
                return format::read_package_metadata(archive.fd, archive.path.filename().string());
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

    const std::string* known_digest(const std::string& pkgname) const {
        const auto digest = known_.find(pkgname);
        return digest == known_.end() ? nullptr : &digest->second;
    }

    std::optional<repo::CheckedArchive> at_hand(const solve::Plan::Member& member, Origin& origin) {
        const std::string& pkgname = member.package.pkgname;
        if (member.package.repository == local_files && local_.contains(pkgname)) {
            repo::CheckedArchive archive = repo::check_local_archive(local_.at(pkgname));
            cache_.keep(archive);
            origin.proof = "file";
            return archive;
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
        const auto image = image_with(pkgname, *digest);
        if (!image)
            return std::nullopt;
        context_.reporter.warn(fmt::format("{}: its repository offers it no more and the cache has lost its "
                                           "archive; it is packed again from image {}",
                                           pkgname, image->id.substr(0, 12)));
        const base::HostPath file = context_.layout.cache() / ("fetch-" + base::random_hex(8));
        format::WrittenArchive written;
        try {
            const base::Fd output = base::open_file(file, O_WRONLY | O_CREAT | O_EXCL, 0600);
            written = store::repack(base::Tree::open(context_.layout.image(image->id)), pkgname,
                                    image->prefix, output, file.string());
            cache_.keep(repo::check_local_archive(file));
        } catch (...) {
            base::remove_entry(file);
            throw;
        }
        base::remove_entry(file);
        return cache_.find(wanted_by_digest(pkgname, written.sha256));
    }

    std::optional<catalog::Image> image_with(const std::string& pkgname, const std::string& sha256) {
        for (catalog::Image& image : images_.all())
            for (const catalog::ImagePackage& package : image.packages)
                if (package.pkgname == pkgname && package.archive_sha256 == sha256)
                    return std::move(image);
        return std::nullopt;
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

    void compare_digest(const solve::Plan::Member& member, const repo::CheckedArchive& archive) {
        const std::string* digest = known_digest(archive.pkgname);
        if (digest == nullptr || *digest == archive.sha256)
            return;
        if (digests_ == Digests::exact)
            inexact_.push_back(fmt::format("{}: the repository has SHA-256 {}, locked is {}", archive.pkgname,
                                           archive.sha256, *digest));
        else if (member.already_present && find_record(context_, packages_, member.package))
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
            return trust_.prove(*find_repository(context_.config, origin.available->repository),
                                offer.pkgname, archive);
        });
    }

    void check(const solve::Offer& offer, const Origin& origin, const format::PackageMetadata& metadata,
               Archives& result) const {
        base::while_doing("check " + offer.pkgname, [&] {
            check_against_promise(offer, origin.available, metadata, digests_);
            check_host(context_, offer.pkgname, metadata);
        });
        result.repositories.push_back(origin.available ? origin.available->repository : std::string());
    }

    const Context& context_;
    const std::map<std::string, base::HostPath>& local_;
    const std::map<std::string, std::string>& known_;
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

/// The account names that the packages declare, with their numbers on this host.
store::AccountNumbers account_numbers(Session& session, const Archives& archives) {
    store::AccountNumbers numbers;
    catalog::Transaction transaction(session.catalog().database());
    catalog::Accounts accounts(session.catalog());
    for (std::size_t i = 0; i < archives.metadata.size(); ++i) {
        const std::string* script = archives.metadata[i].member("+INSTALL");
        if (script == nullptr)
            continue;
        const auto declared = base::while_doing("read +INSTALL of " + archives.archives[i].pkgname,
                                                [&] { return format::InstallDeclarations::parse(*script); });
        const auto group_number = [&](const std::string& name, std::optional<std::uint32_t> wanted) {
            if (!store::platform_account_number(true, name))
                numbers.groups[name] = accounts.allocate(catalog::AccountKind::group, name, wanted);
        };
        for (const format::DeclaredGroup& group : declared.groups)
            group_number(group.name, group.gid);
        for (const format::DeclaredUser& user : declared.users) {
            group_number(user.group, {});
            if (!store::platform_account_number(false, user.name))
                numbers.users[user.name] = accounts.allocate(catalog::AccountKind::user, user.name, user.uid);
        }
    }
    transaction.commit();
    return numbers;
}

/// What the archive may unpack to: what the index says that its files are, and room for headers and metadata.
format::ArchiveLimits archive_limits(const solve::Offer& offer, const format::PackageMetadata& metadata) {
    constexpr std::uint64_t member_overhead = 8u << 10; // headers, padding, extended headers
    format::ArchiveLimits limits;
    if (offer.repository != local_files && offer.installed_bytes > 0)
        limits.max_unpacked_bytes =
            std::min(limits.max_unpacked_bytes, offer.installed_bytes + 16 * limits.max_metadata_bytes +
                                                    member_overhead * metadata.plist.files.size());
    return limits;
}

catalog::Image describe(const store::BuildRequest& request, const solve::Plan& plan, const Archives& archives,
                        const std::string& key) {
    catalog::Image image;
    image.build_key = key;
    image.base_id = request.base.id;
    image.prefix = request.prefix;
    image.created_at = base::to_unix(base::wall_now());
    for (std::size_t i = 0; i < plan.result.size(); ++i) {
        const format::PackageMetadata& metadata = archives.metadata[i];
        catalog::ImagePackage package;
        package.pkgname = plan.result[i].package.pkgname;
        package.archive_sha256 = archives.archives[i].sha256;
        package.automatic = plan.result[i].automatic;
        package.repository =
            archives.repositories[i].empty() ? plan.result[i].package.repository : archives.repositories[i];
        package.build_date = metadata.build_info.get("BUILD_DATE").value_or("");
        package.comment = metadata.comment;
        package.size_bytes = metadata.size_pkg.value_or(0);
        package.depends = metadata.plist.depends;
        package.conflicts = metadata.plist.conflicts;
        package.trust = archives.proofs[i];
        image.packages.push_back(std::move(package));
    }
    return image;
}

std::optional<catalog::Image> find_sealed(Session& session, const std::string& key) {
    auto image = catalog::Images(session.catalog()).find_by_key(key);
    if (!image)
        return std::nullopt;
    std::error_code error;
    if (!std::filesystem::is_directory(session.context().layout.image_tree(image->id), error))
        throw Error(ErrorKind::corrupt, session.context().layout.image(image->id).string(),
                    "the catalog names this image, but it is not on disk",
                    "pkgjail doctor tells which jails are affected");
    return image;
}

} // namespace

Archives obtain_archives(Session& session, const solve::Plan& plan,
                         const std::map<std::string, base::HostPath>& local,
                         const std::map<std::string, std::string>& known, Digests digests) {
    Archives result = Obtaining(session, local, known, digests).run(plan);
    check_libraries(session.context(), result.metadata);
    base::step("install.archives_checked");
    return result;
}

MadeImage make_image(Session& session, const solve::Plan& plan, const Archives& archives,
                     const std::string& jail) {
    const Context& context = session.context();
    store::BuildRequest request;
    request.base = store::configured_base(context.config.base);
    request.prefix = context.config.prefix;
    request.setid = context.config.setid;
    request.run_scripts = context.config.scripts;
    request.run_known_scripts = context.config.run_known_scripts;
    request.accounts = account_numbers(session, archives);
    base::step("install.accounts_allocated");
    for (std::size_t i = 0; i < plan.result.size(); ++i) {
        const repo::CheckedArchive& archive = archives.archives[i];
        request.packages.push_back({archive.pkgname, plan.result[i].automatic, archive.fd.get(),
                                    archive.sha256, archive.path.filename().string(),
                                    archive_limits(plan.result[i].package, archives.metadata[i])});
        request.unpacked_bytes += archives.metadata[i].size_pkg.value_or(0);
    }

    MadeImage made;
    const std::string key = store::build_key(request);
    // Two commands that want the same image: the second waits here and then finds it. Shared for who only
    // uses it, so that many can, and nobody removes it meanwhile.
    for (const base::LockMode mode : {base::LockMode::shared, base::LockMode::exclusive}) {
        made.hold.reset();
        made.hold.emplace(base::Lock::take(context.layout.image_lock(key), mode, "image " + key.substr(0, 12),
                                           context.command_line,
                                           std::max(context.patience, std::chrono::milliseconds(600'000))));
        if (auto image = find_sealed(session, key)) {
            made.image = std::move(*image);
            made.reused = true;
            return made;
        }
    }

    made.image = describe(request, plan, archives, key);
    request.record = record_of(made.image, request.accounts);
    context.reporter.doing("build an image of " + jail::counted(request.packages.size(), "package"));
    std::unique_ptr<confine::Driver> driver; // only where a script has to run
    store::BuildHooks hooks;
    hooks.scripts = [&](const store::RootParts& parts, const base::HostPath& skeleton) {
        ScriptJailOptions options;
        options.base = request.base;
        options.prefix = request.prefix;
        options.limits = jail::load_limits(context.config.limit_directories, "build", jail::host_terms());
        options.timeout = context.config.script_timeout;
        options.handle = temporary_handle("build");
        options.run_directory = context.layout.run(options.handle);
        options.log = context.layout.build_log(jail);
        driver = confine::open_driver(context.layout.state(), context.config.runtime);
        return make_script_jail(*driver, options, parts, skeleton);
    };
    std::optional<EqualFiles> equal(std::in_place, session);
    hooks.equal_file = [&](const jail::ManifestEntry& entry) { return equal->find(entry); };
    hooks.progress = [&](const store::BuildProgress& p) {
        context.reporter.progress("unpack " + p.pkgname, p.bytes_done, p.bytes_total);
    };
    store::BuiltImage built = store::build_image(context.layout, request, hooks);
    equal.reset();
    made.image.id = built.id;
    made.image.size_bytes = built.manifest.total_bytes();
    made.image.file_count = built.manifest.entries.size();
    made.manifest = std::move(built.manifest);
    made.setid = std::move(built.setid);
    made.warnings = std::move(built.warnings);
    made.messages = std::move(built.messages);
    base::step("install.image_sealed");
    return made;
}

} // namespace pkgjail::ops
