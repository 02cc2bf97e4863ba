// sbom: bills of materials, against the official schemas.
#include <algorithm>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "flow/flow.hpp"
#include "flow/keeping.hpp"
#include "flow/recorded.hpp"
#include "pkgjail/base/process.hpp"
#include "pkgjail/catalog/images.hpp"
#include "pkgjail/ops/sbom.hpp"
#include "support/catch.hpp"
#include "support/json_schema.hpp"

using namespace pkgjail;
using test::check_fails;
using test::Host;
using test::JsonSchema;
using test::package;
using test::Shop;

namespace {

const std::string schemas = std::string(PKGJAIL_TEST_DATA) + "/schemas/";

const JsonSchema& schema_of(const std::string& format) {
    static const JsonSchema cyclonedx({schemas + "cyclonedx/bom-1.5.schema.json",
                                       schemas + "cyclonedx/spdx.schema.json",
                                       schemas + "cyclonedx/jsf-0.82.schema.json"});
    static const JsonSchema spdx({schemas + "spdx/spdx-schema.json"});
    return format == "spdx" ? spdx : cyclonedx;
}

std::string faults(const std::string& format, const nlohmann::json& document) {
    return fmt::format("{}", fmt::join(schema_of(format).faults(document), "\n"));
}

/// What Python's jsonschema says, where there is one; empty: nothing to complain about.
std::string second_opinion(const std::string& format, const std::string& document) {
    const auto python = base::find_program("python3");
    if (!python)
        return "";
    base::Command command;
    command.argv = {python->string(), "-c",
                    "import json, sys\n"
                    "try:\n"
                    "    import jsonschema, referencing\n"
                    "except ImportError:\n"
                    "    print('no jsonschema', end=''); sys.exit(0)\n"
                    "from referencing.jsonschema import DRAFT7\n"
                    "all = [json.load(open(f)) for f in sys.argv[1:]]\n"
                    "registry = referencing.Registry().with_resources(\n"
                    "    [(one['$id'], DRAFT7.create_resource(one)) for one in all])\n"
                    "check = jsonschema.Draft7Validator(all[0], registry=registry)\n"
                    "print('\\n'.join(e.json_path + ': ' + e.message[:200] for e in "
                    "check.iter_errors(json.load(sys.stdin))), end='')\n"};
    if (format == "spdx")
        command.argv.push_back(schemas + "spdx/spdx-schema.json");
    else
        for (const char* file : {"bom-1.5.schema.json", "spdx.schema.json", "jsf-0.82.schema.json"})
            command.argv.push_back(schemas + "cyclonedx/" + file);
    command.environment = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"};
    const base::Output output = base::run(command, std::chrono::seconds(120), document);
    if (output.out == "no jsonschema") {
        WARN("not asked of Python's jsonschema: there is none (Debian's package python3-jsonschema)");
        return "";
    }
    return output.out + output.err + (output.exit.success() ? "" : output.exit.describe());
}

ops::Bill small_bill() {
    ops::Bill bill;
    bill.jail = "web";
    bill.image_id = std::string(64, 'b');
    bill.base_id = "host-linux-debian-12";
    bill.prefix = "/usr/pkg";
    bill.created_at = 1'700'000'000;
    bill.serial = "01234567-89ab-8cde-8f01-23456789abcd";
    ops::BillPackage lib;
    lib.pkgname = "lib-2.0nb1";
    lib.name = "lib";
    lib.version = "2.0nb1";
    lib.automatic = true;
    lib.archive_sha256 = std::string(64, 'a');
    lib.license = format::to_spdx("mit AND my-own");
    ops::BillPackage web;
    web.pkgname = "web++-1.0";
    web.name = "web++";
    web.version = "1.0";
    web.comment = "Serves \x1b[2J\xff <pages>";
    web.homepage = "https://example.org/";
    web.pkgpath = "www/web";
    web.license = format::to_spdx("apache-2.0");
    web.needs = {0};
    bill.packages = {lib, web};
    return bill;
}

/// As the command prints it: foreign bytes are replaced.
nlohmann::json printed(const nlohmann::ordered_json& document) {
    return nlohmann::json::parse(document.dump(2, ' ', true, nlohmann::json::error_handler_t::replace));
}

test::PackageSpec licensed(const std::string& pkgname, const std::string& license,
                           const std::vector<std::string>& depends = {}) {
    test::PackageSpec spec = package(pkgname, depends);
    spec.build_info = {{"LICENSE", license}, {"HOMEPAGE", "https://example.org/" + pkgname}};
    return spec;
}

} // namespace

TEST_CASE("the check against schemas finds what is wrong", "[flow][sbom]") {
    const auto good = printed(ops::cyclonedx(small_bill(), "1.0"));
    const auto broken = [&](const char* place, const nlohmann::json& value) {
        auto document = good;
        document[nlohmann::json::json_pointer(place)] = value;
        return faults("cyclonedx", document);
    };

    CHECK_THAT(broken("/components/0/type", "thing"),
               ContainsSubstring("/components/0/type: \"thing\" is none"));
    CHECK_THAT(broken("/serialNumber", "urn:x"), ContainsSubstring("/serialNumber: "));
    CHECK_THAT(broken("/metadata/timestamp", "yesterday"), ContainsSubstring("/metadata/timestamp: "));
    CHECK_THAT(broken("/components/1/licenses/0/license/id", "apache"),
               ContainsSubstring("/components/1/licenses"));
    CHECK_THAT(broken("/components/0/hashes/0/content", "zz"),
               ContainsSubstring("/components/0/hashes/0/content"));
    CHECK_THAT(broken("/extra", 1), ContainsSubstring("/extra: is not allowed"));
    auto document = printed(ops::spdx(small_bill(), "1.0"));
    document.erase("creationInfo");
    document["packages"][0].erase("downloadLocation");
    CHECK(faults("spdx", document) == "/packages/0: has no downloadLocation\n/: has no creationInfo");
}

TEST_CASE("bills are valid by the official schemas, with licences, hashes and the graph of dependencies",
          "[flow][sbom]") {
    const auto cyclonedx = printed(ops::cyclonedx(small_bill(), "1.0"));
    const auto spdx = printed(ops::spdx(small_bill(), "1.0"));

    CHECK(faults("cyclonedx", cyclonedx).empty());
    CHECK(faults("spdx", spdx).empty());
    CHECK(second_opinion("cyclonedx", cyclonedx.dump()).empty());
    CHECK(second_opinion("spdx", spdx.dump()).empty());

    const std::string lib = "pkg:generic/pkgsrc/lib@2.0nb1?checksum=sha256:" + std::string(64, 'a');
    CHECK(cyclonedx["components"][0]["purl"] == lib);
    CHECK(cyclonedx["components"][0]["licenses"][0]["expression"] == "MIT AND LicenseRef-pkgsrc-my-own");
    CHECK(cyclonedx["components"][0]["hashes"][0]["content"] == std::string(64, 'a'));
    CHECK(cyclonedx["components"][1]["purl"] == "pkg:generic/pkgsrc/web%2B%2B@1.0");
    CHECK(cyclonedx["components"][1]["licenses"][0]["license"]["id"] == "Apache-2.0");
    CHECK(cyclonedx["dependencies"][0]["dependsOn"] ==
          nlohmann::json::array({"pkg:generic/pkgsrc/web%2B%2B@1.0"}));
    CHECK(cyclonedx["dependencies"][2]["dependsOn"] == nlohmann::json::array({lib}));
    CHECK(spdx["packages"][1]["licenseDeclared"] == "MIT AND LicenseRef-pkgsrc-my-own");
    CHECK(spdx["packages"][2]["SPDXID"] == "SPDXRef-Package-web---1.0");
    CHECK(spdx["hasExtractedLicensingInfos"][0]["licenseId"] == "LicenseRef-pkgsrc-my-own");
    std::string graph;
    for (const auto& one : spdx["relationships"])
        graph += fmt::format("{} {} {}\n", one["spdxElementId"].get<std::string>(),
                             one["relationshipType"].get<std::string>(),
                             one["relatedSpdxElement"].get<std::string>());
    CHECK(graph == "SPDXRef-DOCUMENT DESCRIBES SPDXRef-Jail-web\n"
                   "SPDXRef-Jail-web CONTAINS SPDXRef-Package-lib-2.0nb1\n"
                   "SPDXRef-Jail-web CONTAINS SPDXRef-Package-web---1.0\n"
                   "SPDXRef-Jail-web DEPENDS_ON SPDXRef-Package-web---1.0\n"
                   "SPDXRef-Package-web---1.0 DEPENDS_ON SPDXRef-Package-lib-2.0nb1\n");
}

TEST_CASE("a real jail's bill says what its packages say, and is the same each time", "[flow][sbom]") {
    const Shop shop({licensed("web-1.0", "apache-2.0", {"lib>=1"}), licensed("lib-2.0", "mit OR strange")});
    test::well(shop.host(), {"install", "web", "--no-start"});

    for (const std::string format : {"cyclonedx", "spdx"}) {
        const auto first = shop.host().run({"sbom", "web", "--format", format});
        CHECK(first.status == 0);
        CHECK(faults(format, first.json()).empty());
        CHECK(second_opinion(format, first.out).empty());
        CHECK(shop.host().run({"sbom", "web", "--format", format}).out == first.out);
        CHECK(shop.host().run({"--json", "sbom", "web", "--format", format}).json()["document"] ==
              first.json());
    }
    const auto bill = shop.host().run({"sbom", "web"}).json();
    CHECK(bill["components"][0]["name"] == "lib");
    CHECK(bill["components"][0]["licenses"][0]["expression"] == "MIT OR LicenseRef-pkgsrc-strange");
    CHECK(bill["components"][0]["externalReferences"][0]["url"] == "https://example.org/lib-2.0");
    CHECK(bill["components"][1]["hashes"][0]["content"].get<std::string>().size() == 64);
    CHECK(bill["dependencies"][2]["dependsOn"][0] == bill["components"][0]["purl"]);
}

TEST_CASE("a bill of what is not there, or of a damaged image, is told", "[flow][sbom]") {
    const Host host;
    check_fails(host, {"sbom"}, 64, "pkgjail: sbom: no jail given\nhint: pkgjail sbom JAIL\n");
    check_fails(host, {"sbom", "web", "--format", "xml"}, 64,
                "pkgjail: sbom: --format: found \"xml\", allowed: cyclonedx, spdx\n");
    CHECK(host.run({"sbom", "web"}).status == 5);
    test::record_jail(host, "web", {"web-1.0"});

    INFO("an image that is not on disk has no package database");
    const auto result = host.run({"sbom", "web"});
    CHECK(result.status == 0);
    CHECK_THAT(result.err, ContainsSubstring("web-1.0: the image's package database has no entry of it"));
    CHECK(faults("cyclonedx", result.json()).empty());
}

TEST_CASE("what pkgjail itself is made of is a valid document, the same each time", "[flow][sbom]") {
    const std::string programs = std::string(PKGJAIL_BINARY_DIR) + "/bin/";
    base::Command command;
    command.argv = {"/bin/sh", std::string(PKGJAIL_SOURCE_DIR) + "/tools/bill-of-materials",
                    programs + "pkgjail", programs + "pkgjail-supervisor"};
    // What is not linked but loaded.
    std::istringstream loaded(PKGJAIL_LOADED_LIBRARIES);
    for (std::string library; std::getline(loaded, library, ':');)
        command.argv.push_back(library);
    command.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};

    const base::Output first = base::run(command, std::chrono::seconds(120));
    if (first.exit.value == 77) {
        WARN("not tried: " + first.err);
        return;
    }
    INFO(first.err);
    REQUIRE(first.exit.success());
    const auto document = nlohmann::json::parse(first.out);
    CHECK(faults("cyclonedx", document) == "");
    CHECK(second_opinion("cyclonedx", first.out) == "");
    std::set<std::string> names;
    for (const auto& component : document["components"])
        names.insert(component["name"].get<std::string>());
    // Debian puts an ABI or a version behind some of them.
    for (const char* library : {"libarchive13", "libcurl4", "libicu", "libsqlite3-0", "libc6"}) {
        INFO(library);
        CHECK(std::any_of(names.begin(), names.end(),
                          [&](const std::string& name) { return name.starts_with(library); }));
    }
    CHECK(base::run(command, std::chrono::seconds(120)).out == first.out);
}
