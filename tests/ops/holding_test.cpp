// Which hold is on a package.
#include "pkgjail/ops/holding.hpp"

#include "support/catch.hpp"

using namespace pkgjail;

TEST_CASE("a hold is found by its package's name, however long that is", "[ops][hold]") {
    const std::string with_long_name = "py312-a-package-with-a-name-that-no-string-holds-in-itself";
    catalog::Jail jail;
    jail.holds = {{"app", "", {}}, {with_long_name, "", {}}, {"over", "", 1}};

    const auto found = [&](const std::string& pkgname) {
        const catalog::Hold* hold = ops::hold_on(jail, pkgname);
        return hold == nullptr ? "none" : hold->pkgbase;
    };
    CHECK(found("app-1.0") == "app");
    CHECK(found(with_long_name + "-1.0nb2") == with_long_name);
    CHECK(found(with_long_name + "s-1.0") == "none");
    CHECK(found("apps-1.0") == "none");
    CHECK(found("over-1.0") == "none"); // has ended long ago
}
