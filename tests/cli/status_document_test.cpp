// The text of what is told of many jails.
#include <memory>

#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/status_document.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using cli::Json;

namespace {

std::shared_ptr<const catalog::Image> image_with(const std::vector<std::string>& pkgnames) {
    auto image = std::make_shared<catalog::Image>();
    for (const std::string& pkgname : pkgnames) {
        catalog::ImagePackage package;
        package.pkgname = pkgname;
        package.automatic = pkgname.starts_with("lib");
        package.repository = "bench \"one\"\n";
        image->packages.push_back(package);
    }
    return image;
}

ops::JailView view_of(const std::string& name, std::shared_ptr<const catalog::Image> image) {
    ops::JailView view;
    view.jail.name = name;
    view.image = std::move(image);
    return view;
}

} // namespace

TEST_CASE("each jail is told with the packages of its own image", "[cli][status]") {
    const auto shared = image_with({"nginx-1.26", "libfoo-1.0"});
    const std::vector<ops::JailView> views = {view_of("a", shared), view_of("b", nullptr),
                                              view_of("c", image_with({"redis-7.0"})), view_of("d", shared),
                                              view_of("e", image_with({}))};

    const Json jails = Json::parse(cli::status_document(views, {"careful"}))["jails"];

    const auto packages = [&](std::size_t jail) { return jails.at(jail)["packages"].dump(); };
    REQUIRE(jails.size() == 5);
    CHECK(packages(0) == R"([{"pkgname":"nginx-1.26","automatic":false,"repository":"bench \"one\"\n"},)"
                         R"({"pkgname":"libfoo-1.0","automatic":true,"repository":"bench \"one\"\n"}])");
    CHECK(packages(1) == "[]");
    CHECK(packages(2) == R"([{"pkgname":"redis-7.0","automatic":false,"repository":"bench \"one\"\n"}])");
    CHECK(packages(3) == packages(0));
    CHECK(packages(4) == "[]");
}

TEST_CASE("the text is laid out as a document is that was made as a whole", "[cli][status]") {
    const std::vector<ops::JailView> views = {view_of("a", image_with({"nginx-1.26", "libfoo-1.0"})),
                                              view_of("b", nullptr)};

    const std::string text = cli::status_document(views, {"careful"});

    CHECK(cli::json_text(Json::parse(text)) == text);
    CHECK(Json::parse(text)["schema"] == "pkgjail.status/1");
    CHECK(Json::parse(text)["warnings"].dump() == R"(["careful"])");
    CHECK(Json::parse(cli::status_document({}, {})).dump() ==
          R"({"schema":"pkgjail.status/1","jails":[],"warnings":[]})");
}

TEST_CASE("what looks like a jail's packages in what others wrote is left alone", "[cli][status]") {
    ops::JailView view = view_of("\n      \"packages\": null", image_with({"nginx-1.26"}));
    view.jail.recipe = "\n      \"packages\": null";
    view.jail.settings["packages"] = "null";

    const Json jail = Json::parse(cli::status_document({view}, {}))["jails"][0];

    CHECK(jail["jail"] == "\n      \"packages\": null");
    CHECK(jail["recipe"] == "\n      \"packages\": null");
    CHECK(jail["settings"]["packages"] == "null");
    CHECK(jail["packages"][0]["pkgname"] == "nginx-1.26");
}
