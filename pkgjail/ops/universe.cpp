#include "pkgjail/ops/universe.hpp"

#include <algorithm>
#include <utility>

#include "pkgjail/format/pkgname.hpp"

namespace pkgjail::ops {

using solve::Offer;

namespace {

Offer to_offer(catalog::OfferedPackage offered) {
    Offer offer;
    offer.pkgname = std::move(offered.pkgname);
    offer.repository = std::move(offered.repository);
    offer.order = offered.priority;
    offer.build_date = std::move(offered.build_date);
    offer.depends = std::move(offered.depends);
    offer.conflicts = std::move(offered.conflicts);
    offer.supersedes = std::move(offered.supersedes);
    offer.download_bytes = offered.file_size.value_or(0);
    offer.installed_bytes = offered.size_pkg;
    return offer;
}

} // namespace

void CatalogUniverse::add_local(Offer offer) {
    offer.repository = local_files;
    offer.order = -1;
    const std::string pkgbase(format::Pkgname::parse(offer.pkgname).base());
    local_[pkgbase].push_back(std::move(offer));
}

const std::vector<Offer>& CatalogUniverse::of_base(const std::string& pkgbase) {
    const auto [place, fresh] = by_base_.try_emplace(pkgbase);
    if (fresh) {
        if (const auto local = local_.find(pkgbase); local != local_.end())
            place->second = local->second;
        for (catalog::OfferedPackage& offered : packages_.offered(pkgbase))
            place->second.push_back(to_offer(std::move(offered)));
    }
    return place->second;
}

const std::vector<std::string>& CatalogUniverse::bases() {
    if (!bases_known_) {
        bases_ = packages_.all_bases();
        for (const auto& [pkgbase, offers] : local_)
            bases_.push_back(pkgbase);
        std::sort(bases_.begin(), bases_.end());
        bases_.erase(std::unique(bases_.begin(), bases_.end()), bases_.end());
        bases_known_ = true;
    }
    return bases_;
}

const std::vector<Offer>& CatalogUniverse::superseding(const std::string& pkgbase) {
    const auto [place, fresh] = superseding_.try_emplace(pkgbase);
    if (fresh)
        for (catalog::OfferedPackage& offered : packages_.superseding(pkgbase))
            place->second.push_back(to_offer(std::move(offered)));
    return place->second;
}

} // namespace pkgjail::ops
