// A bill in the form of SPDX 2.3.
#include <cctype>
#include <map>
#include <set>

#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/ops/sbom.hpp"

namespace pkgjail::ops {

namespace {

using Json = nlohmann::ordered_json;

/// Identifiers take letters, digits, "." and "-" only; two names that become one get numbers.
class Identifiers {
  public:
    std::string of(const std::string& text) {
        std::string id = "SPDXRef-";
        for (const char c : text)
            id += std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' ? c : '-';
        std::string unique = id;
        for (int number = 2; !taken_.insert(unique).second; ++number)
            unique = fmt::format("{}-{}", id, number);
        return unique;
    }

  private:
    std::set<std::string> taken_;
};

Json relationship(const std::string& from, const char* type, const std::string& to) {
    return {{"spdxElementId", from}, {"relationshipType", type}, {"relatedSpdxElement", to}};
}

Json package_json(const BillPackage& package, const std::string& id) {
    Json json = {{"SPDXID", id}, {"name", package.name}};
    if (!package.version.empty())
        json["versionInfo"] = package.version;
    json["downloadLocation"] = "NOASSERTION";
    json["filesAnalyzed"] = false;
    if (!package.comment.empty())
        json["summary"] = package.comment;
    if (!package.homepage.empty())
        json["homepage"] = package.homepage;
    if (!package.archive_sha256.empty())
        json["checksums"] =
            Json::array({{{"algorithm", "SHA256"}, {"checksumValue", package.archive_sha256}}});
    json["licenseConcluded"] = "NOASSERTION";
    json["licenseDeclared"] = package.license.spdx.empty() ? "NOASSERTION" : package.license.spdx;
    json["copyrightText"] = "NOASSERTION";
    json["externalRefs"] = Json::array({{{"referenceCategory", "PACKAGE-MANAGER"},
                                         {"referenceType", "purl"},
                                         {"referenceLocator", package_url(package)}}});
    if (!package.pkgpath.empty())
        json["sourceInfo"] = "built from pkgsrc/" + package.pkgpath +
                             (package.build_date.empty() ? "" : ", " + package.build_date);
    return json;
}

} // namespace

Json spdx(const Bill& bill, const std::string& version) {
    Identifiers identifiers;
    const std::string document = identifiers.of("DOCUMENT");
    const std::string jail = identifiers.of("Jail-" + bill.jail);
    std::vector<std::string> ids;
    for (const BillPackage& package : bill.packages)
        ids.push_back(identifiers.of("Package-" + package.pkgname));

    Json packages = Json::array({{{"SPDXID", jail},
                                  {"name", bill.jail},
                                  {"versionInfo", bill.image_id.substr(0, 12)},
                                  {"downloadLocation", "NOASSERTION"},
                                  {"filesAnalyzed", false},
                                  {"licenseConcluded", "NOASSERTION"},
                                  {"licenseDeclared", "NOASSERTION"},
                                  {"copyrightText", "NOASSERTION"},
                                  {"comment", fmt::format("image {} on base {}, prefix {}", bill.image_id,
                                                          bill.base_id, bill.prefix)}}});
    Json relationships = Json::array({relationship(document, "DESCRIBES", jail)});
    std::map<std::string, std::string> references;
    for (std::size_t i = 0; i < bill.packages.size(); ++i) {
        const BillPackage& package = bill.packages[i];
        packages.push_back(package_json(package, ids[i]));
        relationships.push_back(relationship(jail, "CONTAINS", ids[i]));
        if (!package.automatic)
            relationships.push_back(relationship(jail, "DEPENDS_ON", ids[i]));
        for (const std::size_t place : package.needs)
            relationships.push_back(relationship(ids[i], "DEPENDS_ON", ids[place]));
        for (const auto& reference : package.license.references)
            references.emplace(reference.id, reference.name);
    }
    Json result = {{"spdxVersion", "SPDX-2.3"},
                   {"dataLicense", "CC0-1.0"},
                   {"SPDXID", document},
                   {"name", "jail " + bill.jail},
                   {"documentNamespace", "urn:uuid:" + bill.serial},
                   {"creationInfo",
                    {{"created", base::format_time(base::from_unix(bill.created_at))},
                     {"creators", Json::array({"Tool: pkgjail-" + version})}}},
                   {"packages", packages},
                   {"relationships", relationships}};
    if (!references.empty()) {
        Json extracted = Json::array();
        for (const auto& [id, name] : references)
            extracted.push_back(
                {{"licenseId", id},
                 {"name", name},
                 {"extractedText",
                  fmt::format("What pkgsrc calls \"{}\"; its text is in licenses/ of the pkgsrc tree.",
                              name)}});
        result["hasExtractedLicensingInfos"] = extracted;
    }
    return result;
}

} // namespace pkgjail::ops
