#include "pkgjail/ops/installed.hpp"

#include "pkgjail/base/error.hpp"
#include "pkgjail/format/pattern.hpp"
#include "pkgjail/format/pkgname.hpp"
#include "pkgjail/jail/suggest.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

Installed installed_in(catalog::Catalog& catalog, const catalog::Jail& jail) {
    const auto generation = catalog::Jails(catalog).generation(jail.id, jail.current);
    auto image = generation ? catalog::Images(catalog).find(generation->image_id) : std::nullopt;
    if (!image)
        throw without_image(jail);
    return {jail, *generation, std::move(*image)};
}

Error without_image(const catalog::Jail& jail) {
    return {ErrorKind::corrupt, jail.name, "the catalog has no image for it",
            "pkgjail doctor checks the catalog"};
}

Installed installed_in(catalog::Catalog& catalog, const std::string& jail) {
    return installed_in(catalog, require_jail(catalog, jail));
}

std::shared_ptr<const catalog::Image> KnownImages::find(const std::string& id) {
    const auto [place, is_new] = known_.try_emplace(id);
    if (is_new)
        if (auto image = images_.find(id))
            place->second = std::make_shared<const catalog::Image>(std::move(*image));
    return place->second;
}

std::vector<catalog::ImagePackage> packages_meant(const Installed& installed, const std::string& word) {
    check_pattern(word);
    const format::Pattern pattern = format::Pattern::parse(word);
    std::vector<catalog::ImagePackage> meant;
    std::vector<std::string> bases;
    for (const catalog::ImagePackage& package : installed.image.packages) {
        bases.emplace_back(format::Pkgname::parse(package.pkgname).base());
        if (bases.back() == word || pattern.selects(package.pkgname))
            meant.push_back(package);
    }
    if (meant.empty()) {
        const std::string near = jail::did_you_mean(word, bases);
        throw Error(ErrorKind::not_found, word, "is not installed in jail " + installed.jail.name,
                    near.empty() ? "pkgjail status " + installed.jail.name + " --json lists its packages"
                                 : near);
    }
    return meant;
}

void check_pattern(const std::string& text) {
    try {
        format::Pattern::parse(text);
    } catch (const Error& error) {
        throw Error(ErrorKind::usage, error.object(), error.cause(), error.hint());
    }
}

void check_patterns(const std::vector<std::string>& texts) {
    for (const std::string& text : texts)
        check_pattern(text);
}

} // namespace pkgjail::ops
