#include "pkgjail/ops/promised_image.hpp"

#include <fmt/core.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/host.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/ops/libraries.hpp"
#include "pkgjail/ops/package_trust.hpp"
#include "pkgjail/ops/promises.hpp"
#include "pkgjail/repo/cache_entry.hpp"

namespace pkgjail::ops {

std::optional<MadeImage> hold_promised(Session& session, const std::string& key) {
    const Context& context = session.context();
    catalog::Images images(session.catalog());
    const auto known = images.find_promised(key);
    auto image = known ? images.find_alone(known->image_id) : std::nullopt;
    if (!image)
        return std::nullopt;
    MadeImage made;
    made.hold.emplace(hold_image(context, image->build_key, base::LockMode::shared));
    const auto held = images.find_promised(key);
    if (!held || held->image_id != image->id) // gone before it was held
        return std::nullopt;
    if (!missing_of_base(held->base_libraries, store::configured_base(context.config.base)).empty())
        return std::nullopt; // the archives tell who needs them
    if (is_image_gone(context, *image))
        return std::nullopt; // and is built again
    require_sealed(context, *image);
    made.image = std::move(*image);
    made.reused = true;
    made.promise_key = key;
    return made;
}

PromisedImage::PromisedImage(Session& session, const solve::Plan& plan, const KnownArchives& known)
    : session_(session), context_(session.context()), plan_(plan), known_(known),
      packages_(session.catalog()), key_(key_of_plan()) {}

/// The build key with promises in the archives' place: by which archive, what the index says that the package
/// needs and is for; and this host, for which packages have to be fit. The numbers of accounts are not in it,
/// because a name has one for ever.
std::optional<std::string> PromisedImage::key_of_plan() {
    const catalog::ReadTransaction one_state(session_.catalog().database());
    store::BuildRequest request = request_without_packages(context_);
    for (const solve::Plan::Member& member : plan_.result) {
        const auto promised = promise(member);
        if (!promised)
            return std::nullopt;
        store::BuildPackage& package = request.packages.emplace_back();
        package.pkgname = member.package.pkgname;
        package.automatic = member.automatic;
        package.sha256 = base::sha256(*promised);
    }
    return base::sha256(fmt::format("promised\n{}\n{} {} {}\n", store::build_key(request), base::host_opsys(),
                                    base::host_os_version(), base::host_machine_arch()));
}

std::optional<std::string> PromisedImage::promise(const solve::Plan::Member& member) {
    if (member.already_present) {
        const auto digest = known_.digests.find(member.package.pkgname);
        return digest == known_.digests.end() ? std::nullopt : std::optional("archive " + digest->second);
    }
    const jail::RepositoryConfig* repository = find_repository(context_.config, member.package.repository);
    if (repository == nullptr || repository->trust == jail::Trust::package_signed)
        return std::nullopt;
    auto available = packages_.find(repository->name, member.package.pkgname);
    if (!available ||
        available->record.cksum_algorithm.empty()) // other bytes could have the same name and size
        return std::nullopt;
    const repo::WantedArchive wanted = wanted_from(context_, *available);
    std::string text =
        fmt::format("{}\n{}\n{}\n{}\n{}\n", repo::entry_label(wanted), wanted.size.value_or(0),
                    member.package.repository, available->record.machine_arch, available->record.opsys);
    for (const std::string& pattern : member.package.depends)
        text += pattern + "\n";
    records_.push_back(std::move(*available));
    return text;
}

std::optional<MadeImage> PromisedImage::find() {
    auto made = key_ ? hold_promised(session_, *key_) : std::nullopt;
    if (!made)
        return std::nullopt;
    PackageTrust trust(session_);
    for (const solve::Plan::Member& member : plan_.result)
        if (member.already_present)
            if (const auto available = find_record(context_, packages_, member.package))
                trust.tell_none(*find_repository(context_.config, available->repository));
    for (const catalog::AvailablePackage& record : records_)
        trust.admit(*find_repository(context_.config, record.repository), record.record);
    base::step("install.image_promised");
    return made;
}

bool PromisedImage::is_of(const Archives& archives) const {
    if (!key_)
        return false;
    for (std::size_t i = 0; i < plan_.result.size(); ++i)
        if (plan_.result[i].already_present &&
            known_.digests.at(plan_.result[i].package.pkgname) != archives.archives[i].sha256)
            return false;
    return true;
}

void PromisedImage::note(const Archives& archives, MadeImage& made) const {
    // An update may have come between the promises and the archives.
    if (is_of(archives) && PromisedImage(session_, plan_, known_).key_ == key_) {
        made.promise = {*key_, libraries_of_base(archives.metadata, context_.config.prefix)};
        made.promise_key = *key_;
    }
}

MadeImage image_of_plan(Session& session, const solve::Plan& plan,
                        const std::map<std::string, base::HostPath>& local, const KnownArchives& known,
                        const std::string& jail) {
    PromisedImage promised(session, plan, known);
    const bool has_files = !local.empty(); // which may be for packages that are there already
    if (!has_files)
        if (auto made = promised.find())
            return std::move(*made);
    const Archives archives = obtain_archives(session, plan, local, known);
    MadeImage made = make_image(session, plan, archives, jail);
    if (!has_files)
        promised.note(archives, made);
    return made;
}

} // namespace pkgjail::ops
