#include "flow/recorded.hpp"

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/catalog/images.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/store/layout.hpp"

namespace pkgjail::test {

catalog::Catalog open_catalog(const Host& host) {
    const store::Layout layout(host.state());
    layout.create();
    return catalog::Catalog::open(layout.catalog());
}

std::string record_image(catalog::Catalog& catalog, const std::vector<std::string>& pkgnames) {
    catalog::Image image;
    image.id = base::random_hex(32);
    image.build_key = base::random_hex(32);
    image.base_id = "host";
    image.prefix = "/usr/pkg";
    image.created_at = 1'700'000'000;
    for (const std::string& pkgname : pkgnames) {
        catalog::ImagePackage package;
        package.pkgname = pkgname;
        package.repository = "demo";
        image.packages.push_back(package);
    }
    jail::ManifestEntry file;
    file.path = base::RootPath::parse("/tree/data");
    file.type = jail::EntryType::file;
    file.mode = 0644;
    file.size = 1000;
    file.sha256 = std::string(64, 'a');
    jail::Manifest manifest;
    manifest.entries.push_back(file);
    catalog::Images(catalog).add(image, manifest);
    return image.id;
}

std::string record_jail(const Host& host, const std::string& name, const std::vector<std::string>& pkgnames) {
    catalog::Catalog catalog = open_catalog(host);
    catalog::Jail jail;
    jail.id = base::random_hex(8);
    jail.name = name;
    jail.profile = "high";
    jail.network = "host";
    jail.created_at = 1'700'000'000;
    catalog::Generation first;
    first.image_id = record_image(catalog, pkgnames);
    first.created_at = 1'700'000'000;
    first.command = "install " + name;
    first.outcome = "done";
    catalog::Jails(catalog).add(jail, first);
    return jail.id;
}

void write_log(const Host& host, const std::string& jail, const std::string& lines) {
    const store::Layout layout(host.state());
    base::write_file_atomically(layout.log(jail), lines, 0640);
}

} // namespace pkgjail::test
