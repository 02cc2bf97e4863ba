#include "pkgjail/catalog/repository_trust.hpp"

#include "catalog/fixture.hpp"
#include "pkgjail/catalog/packages.hpp"

using namespace pkgjail::catalog;
using namespace pkgjail::test;

namespace {

RepositoryTrust sample() {
    RepositoryTrust trust;
    trust.name = "ours";
    trust.identity = "ours-2026";
    trust.serial = 42;
    trust.made_at = 1000;
    trust.expires_at = 2000;
    trust.text_sha256 = "aabb";
    trust.signers = {"0123456789abcdef", "1123456789abcdef"};
    trust.revoked = {"2123456789abcdef"};
    return trust;
}

} // namespace

TEST_CASE("what is remembered of a repository's signatures comes back", "[catalog][trust]") {
    Fixture fixture;
    RepositoryTrusts trusts(fixture.catalog);
    CHECK_FALSE(trusts.find("ours"));

    trusts.remember(sample());

    auto found = trusts.find("ours");
    REQUIRE(found);
    CHECK(found->identity == "ours-2026");
    CHECK(found->serial == 42);
    CHECK(found->made_at == 1000);
    CHECK(found->expires_at == 2000);
    CHECK(found->text_sha256 == "aabb");
    CHECK(found->signers == sample().signers);
    CHECK(found->revoked == sample().revoked);
    CHECK_FALSE(found->package_signed_at);
    trusts.note_signed_package("ours", 3000);
    found->serial = 43;
    found->package_signed_at = 3000;
    trusts.remember(*found);
    CHECK(trusts.find("ours")->serial == 43);
    CHECK(trusts.find("ours")->package_signed_at == 3000);
    CHECK(trusts.find("ours")->signers.size() == 2);
}

TEST_CASE("a signed package is noted of a repository whose index is not", "[catalog][trust]") {
    Fixture fixture;
    RepositoryTrusts trusts(fixture.catalog);

    trusts.note_signed_package("main", 3000);

    CHECK(trusts.find("main")->package_signed_at == 3000);
    CHECK(trusts.find("main")->identity.empty());
    CHECK(trusts.find("main")->serial == 0);
}

TEST_CASE("signatures are remembered of a repository that leaves the configuration", "[catalog][trust]") {
    Fixture fixture;
    offer(fixture.catalog, "ours", 10, {record("nginx-1.0")});
    RepositoryTrusts(fixture.catalog).remember(sample());

    Packages(fixture.catalog).keep_only({});

    CHECK(Packages(fixture.catalog).repositories().empty());
    CHECK(RepositoryTrusts(fixture.catalog).find("ours")->serial == 42);
}
