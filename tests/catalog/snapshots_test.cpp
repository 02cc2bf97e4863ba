#include "pkgjail/catalog/snapshots.hpp"

#include "catalog/fixture.hpp"

using namespace pkgjail;
using namespace pkgjail::catalog;
using namespace pkgjail::test;
using base::ErrorKind;

namespace {

/// Jail "web" (j1) on image i1, jail "db" (j2) on i2.
struct TwoJails : Fixture {
    TwoJails() {
        Images(catalog).add(image("i1"), {});
        Images(catalog).add(image("i2"), {});
        Jails(catalog).add(jail_named("web", "j1"), generation_of("i1"));
        Jails(catalog).add(jail_named("db", "j2"), generation_of("i2"));
    }
    Snapshots snapshots{catalog};
};

Snapshot snapshot(const std::string& id, const std::string& jail, const std::string& name,
                  const std::string& image_id, std::int64_t at = 100) {
    Snapshot result;
    result.id = id;
    result.jail_id = jail;
    result.name = name;
    result.image_id = image_id;
    result.generation = 1;
    result.created_at = at;
    return result;
}

std::string names(const std::vector<Snapshot>& snapshots) {
    std::vector<std::string> words;
    for (const Snapshot& each : snapshots)
        words.push_back(each.name);
    return show(words);
}

} // namespace

TEST_CASE("a snapshot comes back as it was put in", "[catalog][snapshots]") {
    TwoJails fixture;
    Snapshot given = snapshot("s1", "j1", "it's mine", "i1", 1234);
    given.generation = 7;
    given.wishes = {"nginx", "redis>=7"};
    given.settings = {{"port", "80"}, {"greeting", ""}};
    given.command = "snapshot web";
    given.method = "reflink";
    given.size_bytes = 5'000'000'000;

    fixture.snapshots.add(given);

    for (const auto& found :
         {fixture.snapshots.find("j1", "it's mine"), fixture.snapshots.find_by_id("s1")}) {
        REQUIRE(found);
        CHECK(found->id == "s1");
        CHECK(found->jail_id == "j1");
        CHECK(found->name == "it's mine");
        CHECK(found->image_id == "i1");
        CHECK(found->generation == 7);
        CHECK(found->wishes == given.wishes);
        CHECK(found->settings == given.settings);
        CHECK(found->created_at == 1234);
        CHECK(found->command == "snapshot web");
        CHECK(found->method == "reflink");
        CHECK(found->size_bytes == 5'000'000'000);
    }
    CHECK(fixture.catalog.check().empty());
}

TEST_CASE("a name of a snapshot is unique within its jail only", "[catalog][snapshots]") {
    TwoJails fixture;
    fixture.snapshots.add(snapshot("s1", "j1", "before", "i1"));
    fixture.snapshots.add(snapshot("s2", "j2", "before", "i2"));

    const auto error = error_of([&] { fixture.snapshots.add(snapshot("s3", "j1", "before", "i1")); });

    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::conflict);
    CHECK(std::string(error->what()) == "before: jail web has a snapshot of this name");
    CHECK_FALSE(fixture.snapshots.find_by_id("s3"));
}

TEST_CASE("snapshots of a jail are listed oldest first, and of no other", "[catalog][snapshots]") {
    TwoJails fixture;
    fixture.snapshots.add(snapshot("s1", "j1", "late", "i1", 300));
    fixture.snapshots.add(snapshot("s2", "j1", "early", "i1", 100));
    fixture.snapshots.add(snapshot("s3", "j2", "other", "i2", 200));
    fixture.snapshots.add(snapshot("s4", "j1", "also early", "i1", 100));

    CHECK(names(fixture.snapshots.of_jail("j1")) == "also early early late");
    CHECK(names(fixture.snapshots.of_jail("j2")) == "other");
    CHECK(names(fixture.snapshots.of_jail("j3")).empty());
}

TEST_CASE("a snapshot needs its jail and its image", "[catalog][snapshots]") {
    TwoJails fixture;

    const auto no_jail = error_of([&] { fixture.snapshots.add(snapshot("s1", "j9", "x", "i1")); });
    const auto no_image = error_of([&] { fixture.snapshots.add(snapshot("s1", "j1", "x", "i9")); });

    REQUIRE(no_jail);
    CHECK(no_jail->kind() == ErrorKind::not_found);
    REQUIRE(no_image);
    CHECK(no_image->kind() == ErrorKind::not_found);
    CHECK(fixture.snapshots.of_jail("j1").empty());
}

TEST_CASE("an image that only a snapshot refers to is in use", "[catalog][snapshots]") {
    TwoJails fixture;
    Images images(fixture.catalog);
    images.add(image("i3"), {});
    CHECK(show(images.unreferenced()) == "i3");
    fixture.snapshots.add(snapshot("s1", "j1", "old", "i3"));

    CHECK(show(images.unreferenced()).empty());
    const auto error = error_of([&] { images.remove("i3"); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::conflict);
    CHECK(error->cause() == "is in use by snapshot old of jail web");

    fixture.snapshots.remove("s1");
    CHECK(show(images.unreferenced()) == "i3");
    images.remove("i3");
}

TEST_CASE("snapshots go with their jail", "[catalog][snapshots]") {
    TwoJails fixture;
    fixture.snapshots.add(snapshot("s1", "j1", "a", "i1"));
    fixture.snapshots.add(snapshot("s2", "j2", "b", "i2"));

    Jails(fixture.catalog).remove("j1");

    CHECK_FALSE(fixture.snapshots.find_by_id("s1"));
    CHECK(fixture.snapshots.find_by_id("s2"));
    CHECK(fixture.catalog.check().empty());
}

TEST_CASE("removing a snapshot that there is not says so", "[catalog][snapshots]") {
    TwoJails fixture;

    const auto error = error_of([&] { fixture.snapshots.remove("s1"); });

    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::not_found);
}
