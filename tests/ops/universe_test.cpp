// What the solver is offered: the index of the catalog, and archives that the operator named.
#include "pkgjail/ops/universe.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;

namespace {

struct Index {
    test::TempDir directory;
    catalog::Catalog catalog = catalog::Catalog::open(directory / "catalog.sqlite");

    void offer(const std::string& repository, int priority,
               const std::vector<format::SummaryRecord>& records) {
        catalog::RepositoryState state;
        state.name = repository;
        state.url = "https://example.org/" + repository;
        catalog::Packages(catalog).replace_index(state, priority, [&](const auto& add) {
            for (format::SummaryRecord record : records)
                add(std::move(record));
        });
    }
};

format::SummaryRecord record(const std::string& pkgname) {
    format::SummaryRecord result;
    result.pkgname = pkgname;
    result.file_name = pkgname + ".tgz";
    return result;
}

std::string show(const std::vector<solve::Offer>& offers) {
    std::string text;
    for (const solve::Offer& offer : offers)
        text += (offer.repository.empty() ? "file" : offer.repository) + " " + offer.pkgname + "\n";
    return text;
}

solve::Offer local(const std::string& pkgname) {
    solve::Offer offer;
    offer.pkgname = pkgname;
    return offer;
}

} // namespace

TEST_CASE("every repository's packages of a base are offered, the best repository's first",
          "[ops][universe]") {
    Index index;
    index.offer("later", 20, {record("web-2.0")});
    index.offer("first", 10, {record("web-1.0"), record("webby-9.0")});
    ops::CatalogUniverse universe(index.catalog);

    CHECK(show(universe.of_base("web")) == "first web-1.0\nlater web-2.0\n");
    CHECK(show(universe.of_base("nothing")).empty());
    CHECK(universe.of_base("web").front().order == 10);
}

TEST_CASE("an offer says what the index says", "[ops][universe]") {
    Index index;
    format::SummaryRecord web = record("web-1.0");
    web.depends = {"lib>=1"};
    web.conflicts = {"other-[0-9]*"};
    web.supersedes = {"oldweb-[0-9]*"};
    web.file_size = 1234;
    web.size_pkg = 5678;
    web.build_date = "2026-07-04 02:00:00 +0000";
    index.offer("main", 10, {web});
    ops::CatalogUniverse universe(index.catalog);

    const solve::Offer offer = universe.of_base("web").at(0);

    CHECK(offer.depends == std::vector<std::string>{"lib>=1"});
    CHECK(offer.conflicts == std::vector<std::string>{"other-[0-9]*"});
    CHECK(offer.supersedes == std::vector<std::string>{"oldweb-[0-9]*"});
    CHECK(offer.download_bytes == 1234);
    CHECK(offer.installed_bytes == 5678);
    CHECK(offer.build_date == "2026-07-04 02:00:00 +0000");
    CHECK(show(universe.superseding("oldweb")) == "main web-1.0\n");
}

TEST_CASE("an archive that the operator named comes before every repository", "[ops][universe]") {
    Index index;
    index.offer("main", 0, {record("web-2.0")});
    ops::CatalogUniverse universe(index.catalog);
    universe.add_local(local("web-1.0"));
    universe.add_local(local("mine-3.0"));

    CHECK(show(universe.of_base("web")) == "file web-1.0\nmain web-2.0\n");
    CHECK(universe.of_base("web").front().order < 0);
    CHECK(show(universe.of_base("mine")) == "file mine-3.0\n");
    CHECK(universe.bases() == std::vector<std::string>{"mine", "web"});
}
