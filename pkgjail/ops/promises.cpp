#include "pkgjail/ops/promises.hpp"

#include "pkgjail/format/pkgname.hpp"

namespace pkgjail::ops {

const jail::RepositoryConfig* find_repository(const jail::Config& config, const std::string& name) {
    for (const jail::RepositoryConfig& repository : config.repositories)
        if (repository.name == name)
            return &repository;
    return nullptr;
}

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

} // namespace pkgjail::ops
