// A bill in the form of CycloneDX 1.5.
#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/ops/sbom.hpp"

namespace pkgjail::ops {

namespace {

using Json = nlohmann::ordered_json;

void add_property(Json& list, const char* name, const std::string& value) {
    if (!value.empty())
        list.push_back({{"name", std::string("pkgjail:") + name}, {"value", value}});
}

/// One licence of the list by its identifier; anything else as an expression.
Json licenses(const format::LicenseExpression& license) {
    if (!license.single_id.empty())
        return Json::array({{{"license", {{"id", license.single_id}}}}});
    if (license.references.size() == 1 && license.references.front().id == license.spdx)
        return Json::array({{{"license", {{"name", license.references.front().name}}}}});
    return Json::array({{{"expression", license.spdx}}});
}

Json component(const BillPackage& package) {
    Json json = {{"type", "application"}, {"bom-ref", package_url(package)}, {"name", package.name}};
    if (!package.version.empty())
        json["version"] = package.version;
    if (!package.comment.empty())
        json["description"] = package.comment;
    if (!package.archive_sha256.empty())
        json["hashes"] = Json::array({{{"alg", "SHA-256"}, {"content", package.archive_sha256}}});
    if (!package.license.spdx.empty())
        json["licenses"] = licenses(package.license);
    json["purl"] = package_url(package);
    if (!package.homepage.empty())
        json["externalReferences"] = Json::array({{{"type", "website"}, {"url", package.homepage}}});
    Json properties = Json::array();
    add_property(properties, "pkgname", package.pkgname);
    add_property(properties, "pkgpath", package.pkgpath);
    add_property(properties, "maintainer", package.maintainer);
    add_property(properties, "repository", package.repository);
    add_property(properties, "build-date", package.build_date);
    add_property(properties, "automatic", package.automatic ? "true" : "false");
    json["properties"] = properties;
    return json;
}

} // namespace

Json cyclonedx(const Bill& bill, const std::string& version) {
    const std::string jail_ref = "jail:" + bill.jail;
    Json properties = Json::array();
    add_property(properties, "image", bill.image_id);
    add_property(properties, "base", bill.base_id);
    add_property(properties, "prefix", bill.prefix);
    Json components = Json::array();
    Json wanted = Json::array();
    Json dependencies = Json::array();
    for (const BillPackage& package : bill.packages) {
        components.push_back(component(package));
        if (!package.automatic)
            wanted.push_back(package_url(package));
        Json needs = Json::array();
        for (const std::size_t place : package.needs)
            needs.push_back(package_url(bill.packages[place]));
        dependencies.push_back({{"ref", package_url(package)}, {"dependsOn", needs}});
    }
    dependencies.insert(dependencies.begin(), Json{{"ref", jail_ref}, {"dependsOn", wanted}});
    return {{"$schema", "http://cyclonedx.org/schema/bom-1.5.schema.json"},
            {"bomFormat", "CycloneDX"},
            {"specVersion", "1.5"},
            {"serialNumber", "urn:uuid:" + bill.serial},
            {"version", 1},
            {"metadata",
             {{"timestamp", base::format_time(base::from_unix(bill.created_at))},
              {"tools",
               {{"components",
                 Json::array({{{"type", "application"}, {"name", "pkgjail"}, {"version", version}}})}}},
              {"component",
               {{"type", "application"},
                {"bom-ref", jail_ref},
                {"name", bill.jail},
                {"version", bill.image_id.substr(0, 12)},
                {"properties", properties}}}}},
            {"components", components},
            {"dependencies", dependencies}};
}

} // namespace pkgjail::ops
