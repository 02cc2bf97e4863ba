#include "pkgjail/ops/browse.hpp"

#include <algorithm>
#include <map>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/catalog/images.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/format/pattern.hpp"
#include "pkgjail/format/pkgname.hpp"
#include "pkgjail/format/version.hpp"
#include "pkgjail/jail/suggest.hpp"
#include "pkgjail/ops/installed.hpp"
#include "pkgjail/ops/session.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

std::string base_of(const std::string& pkgname) {
    return format::Pkgname::is_valid(pkgname) ? std::string(format::Pkgname::parse(pkgname).base()) : pkgname;
}
std::string version_of(const std::string& pkgname) {
    return format::Pkgname::is_valid(pkgname) ? std::string(format::Pkgname::parse(pkgname).version()) : "";
}

struct InstalledPackage {
    std::string words; ///< "jail (version)"
    std::string proof;
};

/// pkgbase → where it is, over all jails.
std::map<std::string, std::vector<InstalledPackage>> installed(catalog::Catalog& catalog) {
    std::map<std::string, std::vector<InstalledPackage>> result;
    catalog::Jails jails(catalog);
    catalog::Images images(catalog);
    for (const catalog::Jail& jail : jails.all())
        if (const auto generation = jails.generation(jail.id, jail.current))
            if (const auto image = images.find(generation->image_id))
                for (const catalog::ImagePackage& package : image->packages)
                    result[base_of(package.pkgname)].push_back(
                        {fmt::format("{} ({})", jail.name, version_of(package.pkgname)), package.trust});
    return result;
}

catalog::Catalog require_index(const Context& context) {
    auto catalog = open_for_reading(context);
    if (!catalog || catalog::Packages(*catalog).repositories().empty())
        throw Error(ErrorKind::not_found, "index", "no repository has been read yet", "pkgjail update");
    return std::move(*catalog);
}

std::vector<FoundPackage> with_jails(catalog::Catalog& catalog,
                                     std::vector<catalog::AvailablePackage> packages) {
    const auto jails = installed(catalog);
    std::vector<FoundPackage> found;
    for (catalog::AvailablePackage& package : packages) {
        const auto in = jails.find(base_of(package.record.pkgname));
        found.push_back({std::move(package), {}});
        if (in == jails.end())
            continue;
        for (const InstalledPackage& one : in->second) {
            found.back().jails.push_back(one.words);
            found.back().proofs.push_back(one.proof);
        }
    }
    return found;
}

bool better(const catalog::AvailablePackage& a, const catalog::AvailablePackage& b) {
    if (const auto order =
            format::compare_versions(version_of(a.record.pkgname), version_of(b.record.pkgname));
        order != 0)
        return order > 0;
    return a.priority < b.priority;
}

} // namespace

std::vector<FoundPackage> search(const Context& context, const std::vector<std::string>& words,
                                 std::size_t limit) {
    catalog::Catalog catalog = require_index(context);
    return with_jails(catalog, catalog::Packages(catalog).search(words, limit));
}

std::vector<FoundPackage> available(const Context& context, const std::string& pattern_text) {
    catalog::Catalog catalog = require_index(context);
    catalog::Packages packages(catalog);
    std::vector<std::string> bases = packages.all_bases();
    std::optional<format::Pattern> pattern;
    if (!pattern_text.empty()) {
        check_pattern(pattern_text);
        pattern = format::Pattern::parse(pattern_text);
        if (auto named = pattern->bases())
            bases = std::move(*named);
    }
    std::vector<catalog::AvailablePackage> result;
    for (const std::string& pkgbase : bases) {
        std::vector<catalog::AvailablePackage> of_base = packages.by_base(pkgbase);
        std::stable_sort(of_base.begin(), of_base.end(), better);
        for (catalog::AvailablePackage& package : of_base)
            if (!pattern || pattern->matches(package.record.pkgname))
                result.push_back(std::move(package));
    }
    return with_jails(catalog, std::move(result));
}

FoundPackage package_info(const Context& context, const std::string& name) {
    const std::vector<FoundPackage> matches = available(context, name);
    if (matches.empty()) {
        catalog::Catalog catalog = require_index(context);
        const std::string meant = jail::did_you_mean(name, catalog::Packages(catalog).all_bases());
        const std::string hint =
            meant.empty() ? "pkgjail search WORD looks through names and comments" : meant;
        throw Error(ErrorKind::not_found, name, "no repository has a package of this name", hint);
    }
    const auto best =
        std::min_element(matches.begin(), matches.end(), [](const FoundPackage& a, const FoundPackage& b) {
            return better(a.package, b.package);
        });
    catalog::Catalog catalog = require_index(context);
    FoundPackage result = *best;
    if (auto full = catalog::Packages(catalog).find(best->package.repository, best->package.record.pkgname))
        result.package = std::move(*full);
    return result;
}

} // namespace pkgjail::ops
