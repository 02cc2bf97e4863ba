#include "pkgjail/catalog/known_plans.hpp"

#include "catalog/fixture.hpp"

using namespace pkgjail;
using namespace pkgjail::catalog;
using namespace pkgjail::test;
using base::ErrorKind;

namespace {

/// An image that is found by what was promised.
struct Promised : Fixture {
    Images images{catalog};
    KnownPlans plans{catalog};
    Promised() {
        images.add(image("i1"), {});
        images.put_promise("i1", {"promised", {}});
    }
};

KnownPlan plan() {
    KnownPlan plan;
    plan.promise_key = "promised";
    plan.repositories = {"main", "extra"};
    plan.download_bytes = 1234;
    plan.packages = {{"lib-1.0", true, "needed by app-1.0"}, {"app-1.0", false, "requested"}};
    return plan;
}

std::string show(const KnownPlan& plan) {
    std::string text = plan.promise_key + " " + std::to_string(plan.download_bytes) + " bytes of";
    for (const std::string& repository : plan.repositories)
        text += " " + repository;
    for (const KnownPlan::Package& package : plan.packages)
        text +=
            "\n" + package.pkgname + (package.automatic ? " automatic: " : " explicit: ") + package.reason;
    return text;
}

} // namespace

TEST_CASE("a plan comes back as it was put in", "[catalog][plans]") {
    Promised fixture;
    fixture.plans.put("p1", plan());

    REQUIRE(fixture.plans.find("p1"));
    CHECK(show(*fixture.plans.find("p1")) == "promised 1234 bytes of main extra\n"
                                             "lib-1.0 automatic: needed by app-1.0\n"
                                             "app-1.0 explicit: requested");
    CHECK(fixture.plans.contains("p1"));
    CHECK_FALSE(fixture.plans.find("p2"));
    CHECK_FALSE(fixture.plans.contains("p2"));
    KnownPlan none = plan();
    none.packages.clear();
    fixture.plans.put("p1", none);
    CHECK(show(*fixture.plans.find("p1")) == "promised 1234 bytes of main extra");
}

TEST_CASE("a plan goes with its image and with a new index", "[catalog][plans]") {
    Promised fixture;
    fixture.plans.put("p1", plan());

    SECTION("image") {
        fixture.images.remove("i1");
    }
    SECTION("index") {
        offer(fixture.catalog, "main", 10, {record("lib-1.1")});
    }

    CHECK_FALSE(fixture.plans.contains("p1"));
}

TEST_CASE("there is no plan for what was not promised", "[catalog][plans]") {
    Promised fixture;
    KnownPlan unknown = plan();
    unknown.promise_key = "something else";

    CHECK(error_of([&] { fixture.plans.put("p1", unknown); })->kind() == ErrorKind::conflict);
}

TEST_CASE("what is on offer has another name after each change of it", "[catalog][plans]") {
    Promised fixture;
    const std::string nothing = fixture.plans.offered();
    offer(fixture.catalog, "main", 10, {record("lib-1.0")});
    const std::string before = fixture.plans.offered();
    Packages packages(fixture.catalog);
    CHECK(before != nothing);
    CHECK(fixture.plans.offered() == before);

    SECTION("another repository") {
        offer(fixture.catalog, "extra", 10, {record("lib-1.0")});
    }
    SECTION("another index") {
        RepositoryState newer = state("main");
        newer.sha256 = "ab";
        packages.replace_index(newer, 10, [](const auto& take) { take(record("lib-1.0")); });
    }
    SECTION("another priority") {
        packages.keep_only({{"main", 20}});
    }
    SECTION("none") {
        packages.keep_only({});
    }

    CHECK(fixture.plans.offered() != before);
}

TEST_CASE("the order of repositories with one priority belongs to what is on offer", "[catalog][plans]") {
    Promised fixture;
    for (const char* name : {"main", "extra"})
        offer(fixture.catalog, name, 10, {record("lib-1.0")});
    const std::string before = fixture.plans.offered();

    Packages(fixture.catalog).keep_only({{"extra", 10}, {"main", 10}});

    CHECK(fixture.plans.offered() != before);
}
