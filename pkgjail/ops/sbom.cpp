#include "pkgjail/ops/sbom.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/tree.hpp"
#include "pkgjail/format/build_info.hpp"
#include "pkgjail/format/pattern.hpp"
#include "pkgjail/ops/installed.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/store/pkgdb.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t max_member = std::size_t{8} << 20;

/// In the form of a UUID of version 8, whose bits mean what its maker says.
std::string uuid_of(const std::string& text) {
    std::string hex = base::sha256(text).substr(0, 32);
    hex[12] = '8';
    hex[16] = "89ab"[hex[16] % 4];
    return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                       hex.substr(16, 4), hex.substr(20, 12));
}

/// What the package database in the image says, as it was installed.
format::BuildInfo build_info(const Context& context, catalog::Catalog& catalog, const catalog::Image& image,
                             const std::string& pkgname) {
    const base::RootPath path = store::pkgdb_directory(pkgname).entry("+BUILD_INFO");
    const base::RootPath in_manifest = base::RootPath::parse("/tree") / path.relative();
    try {
        const base::Tree tree = base::Tree::open(context.layout.image_tree(image.id));
        const std::string text = tree.read(path, max_member);
        const auto recorded = catalog::Images(catalog).file(image.id, in_manifest);
        if (!recorded || recorded->sha256 != base::sha256(text))
            throw Error(ErrorKind::corrupt, (context.layout.image_tree(image.id) / path.relative()).string(),
                        "is not what was installed", "pkgjail verify");
        return format::BuildInfo::parse(text);
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::not_found)
            throw;
        context.reporter.warn(fmt::format("{}: the image's package database has no entry of it; its licence "
                                          "and homepage are not known",
                                          pkgname));
        return format::BuildInfo::parse("");
    }
}

/// Places of the packages that each dependency pattern means.
std::vector<std::size_t> needs_of(const catalog::ImagePackage& package,
                                  const std::vector<catalog::ImagePackage>& all) {
    std::vector<std::size_t> needs;
    for (const std::string& text : package.depends) {
        const format::Pattern pattern = format::Pattern::parse(text);
        for (std::size_t i = 0; i < all.size(); ++i)
            if (pattern.selects(all[i].pkgname) && all[i].pkgname != package.pkgname)
                needs.push_back(i);
    }
    std::sort(needs.begin(), needs.end());
    needs.erase(std::unique(needs.begin(), needs.end()), needs.end());
    return needs;
}

} // namespace

Bill bill_of(const Context& context, const std::string& name) {
    auto catalog = open_for_reading(context);
    if (!catalog)
        throw Error(ErrorKind::not_found, name, "there is no jail of this name",
                    "pkgjail install PACKAGE makes the first one");
    const Installed installed = installed_in(*catalog, name);
    const catalog::Image& image = installed.image;
    Bill bill;
    bill.jail = installed.jail.name;
    bill.image_id = image.id;
    bill.base_id = image.base_id;
    bill.prefix = image.prefix;
    bill.created_at = image.created_at;
    bill.serial = uuid_of("pkgjail bill of materials\n" + image.id + "\n" + bill.jail);
    for (const catalog::ImagePackage& installed_package : image.packages) {
        const format::BuildInfo info = build_info(context, *catalog, image, installed_package.pkgname);
        const auto said = [&](const char* key) { return info.get(key).value_or(""); };
        BillPackage package;
        package.pkgname = installed_package.pkgname;
        const std::size_t dash = package.pkgname.rfind('-');
        package.name = package.pkgname.substr(0, dash);
        package.version = dash == std::string::npos ? "" : package.pkgname.substr(dash + 1);
        package.archive_sha256 = installed_package.archive_sha256;
        package.automatic = installed_package.automatic;
        package.repository = installed_package.repository;
        package.build_date = installed_package.build_date;
        package.comment = installed_package.comment;
        package.homepage = said("HOMEPAGE");
        package.pkgpath = said("PKGPATH");
        package.maintainer = said("MAINTAINER");
        package.license = format::to_spdx(said("LICENSE"));
        package.needs = needs_of(installed_package, image.packages);
        bill.packages.push_back(std::move(package));
    }
    return bill;
}

std::string package_url(const BillPackage& package) {
    const auto encoded = [](const std::string& text) {
        std::string result;
        for (const char c : text) {
            const auto byte = static_cast<unsigned char>(c);
            const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
                               (byte >= 'A' && byte <= 'Z') || c == '.' || c == '-' || c == '_' || c == '~';
            result += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
        }
        return result;
    };
    std::string url = "pkg:generic/pkgsrc/" + encoded(package.name);
    if (!package.version.empty())
        url += "@" + encoded(package.version);
    if (!package.archive_sha256.empty())
        url += "?checksum=sha256:" + package.archive_sha256;
    return url;
}

} // namespace pkgjail::ops
