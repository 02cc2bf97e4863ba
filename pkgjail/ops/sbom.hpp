// `pkgjail sbom`: what a jail's image is made of, as a document for other programs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pkgjail/format/license.hpp"
#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

struct BillPackage {
    std::string pkgname; ///< "nginx-1.26.1nb2" = name "nginx" + version "1.26.1nb2"
    std::string name;
    std::string version;
    std::string archive_sha256; ///< empty: not known
    bool automatic = false;     ///< only there because another needs it
    std::string repository;     ///< empty: a file given by the operator
    std::string build_date;
    std::string comment;
    std::string homepage; ///< empty: the package has none
    std::string pkgpath;  ///< "www/nginx"
    std::string maintainer;
    format::LicenseExpression license;
    std::vector<std::size_t> needs; ///< places in the bill's list, ascending
};

/// The jail's current image. A function of image and jail's name alone: made twice it is the same.
struct Bill {
    std::string jail;
    std::string image_id;
    std::string base_id; ///< the operating system below the packages, which the bill does not list
    std::string prefix;
    std::int64_t created_at = 0;       ///< of the image, Unix seconds
    std::string serial;                ///< a UUID made from image and jail's name
    std::vector<BillPackage> packages; ///< what is needed comes first
};

/// Licence, homepage and the like are read from the package database in the image; a package whose entry
/// cannot be read is told, and stands in the bill without them. Error{not_found} for a name that is no
/// jail's, Error{corrupt} where an entry is not what was installed.
Bill bill_of(const Context& context, const std::string& jail);

/// CycloneDX 1.5. `version` is pkgjail's.
nlohmann::ordered_json cyclonedx(const Bill& bill, const std::string& version);
/// SPDX 2.3.
nlohmann::ordered_json spdx(const Bill& bill, const std::string& version);

/// "pkg:generic/pkgsrc/nginx@1.26.1nb2?checksum=sha256:…": pkgsrc has no type of its own among package URLs.
std::string package_url(const BillPackage& package);

} // namespace pkgjail::ops
