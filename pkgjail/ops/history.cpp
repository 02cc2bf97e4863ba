#include "pkgjail/ops/history.hpp"

#include <map>
#include <set>

#include "pkgjail/base/error.hpp"
#include "pkgjail/format/pkgname.hpp"
#include "pkgjail/ops/session.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

/// pkgbase → pkgnames of an image; several only where packages of one base are installed side by side.
std::map<std::string, std::string> packages_by_base(const std::optional<catalog::Image>& image) {
    std::map<std::string, std::string> result;
    if (image)
        for (const catalog::ImagePackage& package : image->packages)
            result[std::string(format::Pkgname::parse(package.pkgname).base())] = package.pkgname;
    return result;
}

/// By what the archives are believed that were not in the image of before.
std::map<std::string, std::vector<std::string>> new_proofs(const std::optional<catalog::Image>& before,
                                                           const std::optional<catalog::Image>& after) {
    std::set<std::string> known;
    if (before)
        for (const catalog::ImagePackage& package : before->packages)
            known.insert(package.archive_sha256);
    std::map<std::string, std::vector<std::string>> proofs;
    if (after)
        for (const catalog::ImagePackage& package : after->packages)
            if (!package.trust.empty() && !known.contains(package.archive_sha256))
                proofs[package.trust].push_back(package.pkgname);
    return proofs;
}

} // namespace

std::vector<std::string> package_changes(const std::optional<catalog::Image>& before,
                                         const std::optional<catalog::Image>& after) {
    const auto old_packages = packages_by_base(before);
    const auto new_packages = packages_by_base(after);
    std::vector<std::string> changes;
    for (const auto& [pkgbase, pkgname] : new_packages) {
        const auto old = old_packages.find(pkgbase);
        if (old == old_packages.end())
            changes.push_back("+" + pkgname);
        else if (old->second != pkgname)
            changes.push_back(old->second + " -> " + pkgname);
    }
    for (const auto& [pkgbase, pkgname] : old_packages)
        if (!new_packages.contains(pkgbase))
            changes.push_back("-" + pkgname);
    return changes;
}

std::vector<HistoryEntry> history(const Context& context, const std::string& name) {
    auto catalog = open_for_reading(context);
    if (!catalog)
        throw Error(ErrorKind::not_found, name, "there is no jail of this name");
    const catalog::Jail jail = require_jail(*catalog, name);
    catalog::Images images(*catalog);
    std::vector<HistoryEntry> entries;
    std::optional<catalog::Image> before;
    for (const catalog::Generation& generation : catalog::Jails(*catalog).generations(jail.id)) {
        HistoryEntry entry;
        entry.generation = generation;
        entry.current = generation.number == jail.current;
        auto image = images.find(generation.image_id);
        entry.changes = package_changes(before, image);
        entry.trust = new_proofs(before, image);
        entry.files = catalog::image_changes(*catalog, before ? before->id : "", generation.image_id);
        if (!generation.outcome.starts_with("rolled back"))
            before = std::move(image);
        entries.push_back(std::move(entry));
    }
    return entries;
}

} // namespace pkgjail::ops
