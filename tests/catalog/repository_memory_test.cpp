#include "pkgjail/catalog/repository_memory.hpp"

#include "catalog/fixture.hpp"
#include "pkgjail/catalog/packages.hpp"

using namespace pkgjail::catalog;
using namespace pkgjail::test;

namespace {

RepositoryMemory sample() {
    RepositoryMemory memory;
    memory.name = "main";
    memory.url = "https://example.org/main";
    memory.newest_build = 1000;
    memory.missed = {{"nginx", {"nginx-1.1", "2026-10-01 12:34:56 +0000"}}, {"zlib", {"zlib-2", "any\xff"}}};
    return memory;
}

} // namespace

TEST_CASE("what was seen of a repository's indexes comes back", "[catalog][trust]") {
    Fixture fixture;
    RepositoryMemories memories(fixture.catalog);
    CHECK_FALSE(memories.find("main"));

    memories.remember(sample());

    CHECK(memories.find("main") == sample());
    RepositoryMemory later = sample();
    later.url = "https://example.org/other";
    later.newest_build.reset();
    later.missed.erase("nginx");
    memories.remember(later);
    CHECK(memories.find("main") == later);
    RepositoryMemory second;
    second.name = "extra";
    memories.remember(second);
    CHECK(memories.all() == std::vector{second, later});
    CHECK(fixture.catalog.check().empty());
}

TEST_CASE("what is missed and offered at all went back", "[catalog][trust]") {
    Fixture fixture;
    RepositoryMemories memories(fixture.catalog);
    memories.remember(sample());
    offer(fixture.catalog, "extra", 10, {record("zlib-1")});
    CHECK(memories.went_back("main").empty());

    offer(fixture.catalog, "main", 10, {record("nginx-1.0"), record("nginx-0.9"), record("foo-1.0")});

    CHECK(memories.went_back("main") == std::vector{sample().missed.at("nginx")});
    CHECK(memories.went_back("extra").empty());
}

TEST_CASE("indexes are remembered of a repository that leaves the configuration", "[catalog][trust]") {
    Fixture fixture;
    offer(fixture.catalog, "main", 10, {record("nginx-1.0")});
    RepositoryMemories(fixture.catalog).remember(sample());

    Packages(fixture.catalog).keep_only({});

    CHECK(RepositoryMemories(fixture.catalog).find("main") == sample());
}

TEST_CASE("the newest build of an index is found, and what is no date is none", "[catalog]") {
    Fixture fixture;
    const auto built = [](const std::string& pkgname, const std::string& date) {
        auto result = record(pkgname);
        result.build_date = date;
        return result;
    };
    offer(fixture.catalog, "main", 10,
          {built("a-1", "2026-10-01 12:34:56 +0000"), built("b-1", "2027"),
           built("c-1", "2026-10-01 12:34:56 +0100")});
    CHECK(Packages(fixture.catalog).repository("main")->newest_build == 1790858096);
    offer(fixture.catalog, "main", 10, {record("a-1")});
    CHECK_FALSE(Packages(fixture.catalog).repository("main")->newest_build);
}
