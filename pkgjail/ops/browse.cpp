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

std::vector<ListedPackage> with_jails(catalog::Catalog& catalog,
                                      std::vector<catalog::ListedPackage> packages) {
    const auto jails = installed(catalog);
    std::vector<ListedPackage> found;
    found.reserve(packages.size());
    for (catalog::ListedPackage& package : packages) {
        found.push_back({std::move(package), {}});
        if (jails.empty())
            continue;
        if (const auto in = jails.find(base_of(found.back().package.pkgname)); in != jails.end())
            for (const InstalledPackage& one : in->second)
                found.back().jails.push_back(one.words);
    }
    return found;
}

bool better(const catalog::ListedPackage& a, const catalog::ListedPackage& b) {
    if (const auto order = format::compare_versions(version_of(a.pkgname), version_of(b.pkgname)); order != 0)
        return order > 0;
    return a.priority < b.priority;
}

/// What precedes the last "-", as the catalog orders them.
std::string_view order_base(const catalog::ListedPackage& package) {
    return std::string_view(package.pkgname).substr(0, package.pkgname.rfind('-'));
}

/// Best version first for each base. `packages` are ordered by base.
void order_versions(std::vector<catalog::ListedPackage>& packages) {
    for (auto first = packages.begin(); first != packages.end();) {
        const auto last = std::find_if(first + 1, packages.end(), [&](const catalog::ListedPackage& package) {
            return order_base(package) != order_base(*first);
        });
        if (last - first > 1)
            std::stable_sort(first, last, better);
        first = last;
    }
}

std::vector<catalog::ListedPackage> matching(catalog::Catalog& catalog, const std::string& pattern_text) {
    catalog::Packages offered(catalog);
    if (pattern_text.empty()) {
        std::vector<catalog::ListedPackage> packages = offered.listed();
        order_versions(packages);
        return packages;
    }
    check_pattern(pattern_text);
    const format::Pattern pattern = format::Pattern::parse(pattern_text);
    std::vector<catalog::ListedPackage> packages;
    if (const auto bases = pattern.bases()) {
        for (const std::string& base : *bases)
            for (catalog::ListedPackage& package : offered.listed(base))
                packages.push_back(std::move(package));
    } else {
        packages = offered.listed();
    }
    std::erase_if(packages,
                  [&](const catalog::ListedPackage& package) { return !pattern.matches(package.pkgname); });
    order_versions(packages);
    return packages;
}

} // namespace

std::vector<ListedPackage> search(const Context& context, const std::vector<std::string>& words,
                                  std::size_t limit) {
    catalog::Catalog catalog = require_index(context);
    return with_jails(catalog, catalog::Packages(catalog).search(words, limit));
}

std::vector<ListedPackage> available(const Context& context, const std::string& pattern_text) {
    catalog::Catalog catalog = require_index(context);
    return with_jails(catalog, matching(catalog, pattern_text));
}

FoundPackage package_info(const Context& context, const std::string& name) {
    catalog::Catalog catalog = require_index(context);
    const std::vector<catalog::ListedPackage> matches = matching(catalog, name);
    if (matches.empty()) {
        const std::string meant = jail::did_you_mean(name, catalog::Packages(catalog).all_bases());
        const std::string hint =
            meant.empty() ? "pkgjail search WORD looks through names and comments" : meant;
        throw Error(ErrorKind::not_found, name, "no repository has a package of this name", hint);
    }
    const auto best = std::min_element(matches.begin(), matches.end(), better);
    auto full = catalog::Packages(catalog).find(best->repository, best->pkgname);
    if (!full)
        throw Error(ErrorKind::not_found, best->pkgname, "the index was refreshed meanwhile", "try again");
    FoundPackage result{std::move(*full), {}};
    const auto jails = installed(catalog);
    if (const auto in = jails.find(base_of(best->pkgname)); in != jails.end()) {
        for (const InstalledPackage& one : in->second) {
            result.jails.push_back(one.words);
            result.proofs.push_back(one.proof);
        }
    }
    return result;
}

} // namespace pkgjail::ops
