#include "pkgjail/ops/make_image.hpp"

#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/look.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/catalog/accounts.hpp"
#include "pkgjail/confine/driver.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/ops/equal_files.hpp"
#include "pkgjail/ops/packages_before.hpp"
#include "pkgjail/ops/records.hpp"
#include "pkgjail/ops/script_jail.hpp"
#include "pkgjail/ops/universe.hpp"
#include "pkgjail/store/jail_files.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

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

/// Takes the catalog's image of this key when it is on disk. One whose directory is gone can be built again.
bool take_sealed(Session& session, const std::string& key, MadeImage& made,
                 std::optional<catalog::Image>& gone) {
    auto image = catalog::Images(session.catalog()).find_by_key(key);
    if (!image)
        return false;
    if (is_image_gone(session.context(), *image)) {
        gone = std::move(image);
        return false;
    }
    require_sealed(session.context(), *image);
    made.image = std::move(*image);
    made.reused = true;
    return true;
}

} // namespace

bool is_image_gone(const Context& context, const catalog::Image& image) {
    return !base::exists(context.layout.image(image.id));
}

Error other_than_gone(const Context& context, const catalog::Image& gone) {
    return {ErrorKind::corrupt, context.layout.image(gone.id).string(),
            "the catalog names this image, which is not on disk, and its packages come to another one now",
            "put the directory back from a backup"};
}

store::BuildRequest request_without_packages(const Context& context) {
    store::BuildRequest request;
    request.base = store::configured_base(context.config.base);
    request.prefix = context.config.prefix;
    request.setid = context.config.setid;
    request.run_scripts = context.config.scripts;
    request.run_known_scripts = context.config.run_known_scripts;
    return request;
}

void require_sealed(const Context& context, const catalog::Image& image) {
    if (!base::exists(context.layout.image_tree(image.id)))
        throw Error(ErrorKind::corrupt, context.layout.image(image.id).string(),
                    "the catalog names this image, but it is not on disk",
                    "pkgjail doctor tells which jails are affected");
}

base::Lock hold_image(const Context& context, const std::string& build_key, base::LockMode mode) {
    return base::Lock::take(context.layout.image_lock(build_key), mode, "image " + build_key.substr(0, 12),
                            context.command_line,
                            std::max(context.patience, std::chrono::milliseconds(600'000)));
}

MadeImage make_image(Session& session, const solve::Plan& plan, const Archives& archives,
                     const std::string& jail) {
    const Context& context = session.context();
    store::BuildRequest request = request_without_packages(context);
    request.accounts = account_numbers(session, archives);
    base::step("install.accounts_allocated");
    for (std::size_t i = 0; i < plan.result.size(); ++i) {
        const repo::CheckedArchive& archive = archives.archives[i];
        request.packages.push_back({archive.pkgname, plan.result[i].automatic, archive.fd.get(),
                                    archive.sha256, archive.path.filename().string(),
                                    archive_limits(plan.result[i].package, archives.metadata[i]),
                                    &archives.metadata[i]});
        request.unpacked_bytes += archives.metadata[i].size_pkg.value_or(0);
    }

    MadeImage made;
    const std::string key = store::build_key(request);
    // Two commands that want the same image: the second waits here and then finds it. Shared for who only
    // uses it, so that many can, and nobody removes it meanwhile.
    std::optional<catalog::Image> gone;
    for (const base::LockMode mode : {base::LockMode::shared, base::LockMode::exclusive}) {
        made.hold.reset();
        made.hold.emplace(hold_image(context, key, mode));
        gone.reset();
        if (take_sealed(session, key, made, gone))
            return made;
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
    PackagesBefore before(session, request.prefix);
    hooks.unpacked_before = [&](const store::BuildPackage& package) { return before.find(package); };
    hooks.progress = [&](const store::BuildProgress& p) {
        context.reporter.progress("unpack " + p.pkgname, p.bytes_done, p.bytes_total);
    };
    store::BuiltImage built;
    try {
        built = store::build_image(context.layout, request, hooks);
    } catch (const Error& error) {
        if (archives.undigested.empty())
            throw;
        throw forget_undigested(context, archives, error); // the whole of an archive is read only there
    }
    equal.reset();
    if (gone && gone->id != built.id) {
        store::remove_image(context.layout, built.id);
        throw other_than_gone(context, *gone);
    }
    made.image.id = built.id;
    for (catalog::ImagePackage& package : made.image.packages)
        package.as_unpacked = built.as_unpacked.contains(package.pkgname);
    made.image.size_bytes = built.manifest.total_bytes();
    made.image.file_count = built.manifest.entries.size();
    made.manifest = std::move(built.manifest);
    made.setid = std::move(built.setid);
    made.warnings = std::move(built.warnings);
    made.messages = std::move(built.messages);
    if (gone) { // the catalog has it already
        made.image = std::move(*gone);
        made.reused = true;
    }
    base::step("install.image_sealed");
    return made;
}

} // namespace pkgjail::ops
