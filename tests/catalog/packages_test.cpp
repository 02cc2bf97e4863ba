#include "pkgjail/catalog/packages.hpp"

#include "catalog/fixture.hpp"

using namespace pkgjail;
using namespace pkgjail::catalog;
using namespace pkgjail::test;
using base::ErrorKind;

TEST_CASE("a record comes back as it was put in", "[catalog][packages]") {
    Fixture fixture;
    format::SummaryRecord full;
    full.pkgname = "nginx-1.26.1nb2";
    full.depends = {"pcre2>=10.21", "{openssl,libressl}>=1"};
    full.conflicts = {"nginx-devel-[0-9]*"};
    full.supersedes = {"nginx-old<1"};
    full.provides = {"/usr/pkg/lib/a.so.1"};
    full.requires_ = {"/usr/lib/libc.so.12", "/usr/lib/libz.so.1"};
    full.comment = "it's \"fast\"; 100%_";
    full.description = "two\nlines\xff";
    full.size_pkg = 5'000'000'000;
    full.build_date = "2026-11-21 22:00:00 +0000";
    full.categories = "www";
    full.homepage = "https://example.org/";
    full.license = "2-clause-bsd";
    full.machine_arch = "x86_64";
    full.opsys = "Linux";
    full.os_version = "6.1.0";
    full.pkgpath = "www/nginx";
    full.pkgtools_version = "20091115";
    full.pkg_options = "ssl v2";
    full.prev_pkgpath = "www/nginx0";
    full.file_name = "nginx-1.26.1nb2.tgz";
    full.file_size = 123456;
    full.cksum_algorithm = "sha512";
    full.cksum = "abcd";
    offer(fixture.catalog, "main", 10, {full});
    Packages packages(fixture.catalog);

    const auto found = packages.find("main", "nginx-1.26.1nb2");
    const auto listed = packages.by_base("nginx");

    REQUIRE(found);
    REQUIRE(listed.size() == 1);
    CHECK(found->repository == "main");
    CHECK(found->priority == 10);
    CHECK(found->record.description == full.description);
    CHECK(listed[0].record.description.empty());
    for (const format::SummaryRecord& back : {found->record, listed[0].record}) {
        CHECK(back.pkgname == full.pkgname);
        CHECK(back.depends == full.depends);
        CHECK(back.conflicts == full.conflicts);
        CHECK(back.supersedes == full.supersedes);
        CHECK(back.provides == full.provides);
        CHECK(back.requires_ == full.requires_);
        CHECK(back.comment == full.comment);
        CHECK(back.size_pkg == full.size_pkg);
        CHECK(back.build_date == full.build_date);
        CHECK(back.categories == full.categories);
        CHECK(back.homepage == full.homepage);
        CHECK(back.license == full.license);
        CHECK(back.machine_arch == full.machine_arch);
        CHECK(back.opsys == full.opsys);
        CHECK(back.os_version == full.os_version);
        CHECK(back.pkgpath == full.pkgpath);
        CHECK(back.pkgtools_version == full.pkgtools_version);
        CHECK(back.pkg_options == full.pkg_options);
        CHECK(back.prev_pkgpath == full.prev_pkgpath);
        CHECK(back.file_name == full.file_name);
        CHECK(back.file_size == full.file_size);
        CHECK(back.cksum_algorithm == full.cksum_algorithm);
        CHECK(back.cksum == full.cksum);
    }
    const auto offered = packages.offered("nginx");
    REQUIRE(offered.size() == 1);
    CHECK(offered[0].repository == "main");
    CHECK(offered[0].priority == listed[0].priority);
    CHECK(offered[0].pkgname == full.pkgname);
    CHECK(offered[0].build_date == full.build_date);
    CHECK(offered[0].depends == full.depends);
    CHECK(offered[0].conflicts == full.conflicts);
    CHECK(offered[0].supersedes == full.supersedes);
    CHECK(offered[0].size_pkg == full.size_pkg);
    CHECK(offered[0].file_size == full.file_size);
    CHECK_FALSE(packages.find("main", "nginx-1.26.1"));
    CHECK_FALSE(packages.find("other", "nginx-1.26.1nb2"));
    CHECK_FALSE(packages.find("main", "nginx"));
}

TEST_CASE("a record without FILE_SIZE has none afterwards", "[catalog][packages]") {
    Fixture fixture;
    offer(fixture.catalog, "main", 10, {record("a-1")});
    CHECK_FALSE(Packages(fixture.catalog).find("main", "a-1")->record.file_size);
}

TEST_CASE("the better repository comes first, then the order of the index", "[catalog][packages]") {
    Fixture fixture;
    offer(fixture.catalog, "second", 20, {record("nginx-1.3"), record("nginx-1.2"), record("nginx-devel-9")});
    offer(fixture.catalog, "first", 10, {record("nginx-1.0"), record("nginx-1.1")});
    Packages packages(fixture.catalog);

    CHECK(show(packages.by_base("nginx")) ==
          "first/nginx-1.0 first/nginx-1.1 second/nginx-1.3 second/nginx-1.2");
    CHECK(show(packages.offered("nginx")) == show(packages.by_base("nginx")));
    CHECK(show(packages.by_base("nginx-devel")) == "second/nginx-devel-9");
    CHECK(packages.by_base("ngin").empty());
    CHECK(packages.by_base("%").empty());
    std::string builds;
    for (const auto& [pkgname, build_date] : packages.builds_by_base("nginx"))
        builds += pkgname + " " + build_date + "\n";
    std::string expected;
    for (const auto& package : packages.by_base("nginx"))
        expected += package.record.pkgname + " " + package.record.build_date + "\n";
    CHECK(std::count(builds.begin(), builds.end(), '\n') == 4);
    CHECK(builds == expected);
    CHECK(show(packages.all_bases()) == "nginx nginx-devel");

    std::string names;
    for (const auto& [pkgname, repository] : packages.all_names())
        names += repository + "/" + pkgname + "\n";
    CHECK(names ==
          "first/nginx-1.0\nfirst/nginx-1.1\nsecond/nginx-1.2\nsecond/nginx-1.3\nsecond/nginx-devel-9\n");
}

TEST_CASE("a repository's state is kept and can be asked for", "[catalog][packages]") {
    Fixture fixture;
    Packages packages(fixture.catalog);
    CHECK(packages.repositories().empty());
    CHECK_FALSE(packages.repository("main"));

    RepositoryState given = state("main");
    given.etag = "\"abc\"";
    given.last_modified = "Sat, 21 Nov 2026 22:00:00 GMT";
    given.sha256 = "00ff";
    given.checked_at = 5;
    given.refreshed_at = 4;
    const auto count = packages.replace_index(given, 10, [](const auto& take) {
        auto first = record("a-1");
        first.build_date = "2026-03-01 12:00:00 +0000";
        CHECK(take(first));
        CHECK(take(record("b-1")));
        first.build_date = "2026-03-09 12:00:00 +0000";
        CHECK_FALSE(take(first)); // another record of that name
    });

    const auto found = packages.repository("main");
    REQUIRE(found);
    CHECK(count == 2);
    CHECK(found->packages == 2);
    CHECK(found->newest_build == 1772366400); // of the one that was taken
    CHECK(found->url == "https://example.org/main");
    CHECK(found->index_file == "pkg_summary.gz");
    CHECK(found->etag == given.etag);
    CHECK(found->last_modified == given.last_modified);
    CHECK(found->sha256 == given.sha256);
    CHECK(found->checked_at == 5);
    CHECK(found->refreshed_at == 4);

    packages.mark_checked("main", 77, "index-signed");
    CHECK(packages.repository("main")->checked_at == 77);
    CHECK(packages.repository("main")->trust == "index-signed");
    CHECK(packages.repository("main")->refreshed_at == 4);
    const auto error = error_of([&] { packages.mark_checked("other", 1, "none"); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::not_found);
}

TEST_CASE("a new index takes the place of the whole old one, and of no other repository's",
          "[catalog][packages]") {
    Fixture fixture;
    offer(fixture.catalog, "main", 10, {record("a-1"), record("b-1")});
    offer(fixture.catalog, "other", 20, {record("a-9")});

    offer(fixture.catalog, "main", 10, {record("a-2"), record("c-1")});

    Packages packages(fixture.catalog);
    CHECK(show(packages.all_bases()) == "a c");
    CHECK(show(packages.by_base("a")) == "main/a-2 other/a-9");
    CHECK(packages.repository("main")->packages == 2);
    CHECK(fixture.catalog.check().empty());
}

TEST_CASE("of two records with one name the first is kept", "[catalog][packages]") {
    Fixture fixture;
    const auto count = offer(fixture.catalog, "main", 10, {record("a-1", "first"), record("a-1", "second")});

    CHECK(count == 1);
    CHECK(Packages(fixture.catalog).find("main", "a-1")->record.comment == "first");
}

TEST_CASE("an index that cannot be read to its end leaves the old one", "[catalog][packages]") {
    Fixture fixture;
    offer(fixture.catalog, "main", 10, {record("a-1")});
    Packages packages(fixture.catalog);
    RepositoryState next = state("main");
    next.refreshed_at = 999;

    const auto error = error_of([&] {
        packages.replace_index(next, 10, [](const auto& take) {
            take(record("a-2"));
            throw base::Error(ErrorKind::corrupt, "pkg_summary.gz", "ends too early");
        });
    });

    REQUIRE(error);
    CHECK(error->cause() == "ends too early");
    CHECK(show(packages.by_base("a")) == "main/a-1");
    CHECK(packages.repository("main")->refreshed_at == 100);
    CHECK_FALSE(fixture.catalog.database().in_transaction());
}

TEST_CASE("a process that dies while it replaces the index leaves the old one",
          "[catalog][packages][crash]") {
    TempDir directory;
    const auto file = directory / "catalog.sqlite";
    {
        Catalog catalog = Catalog::open(file);
        offer(catalog, "main", 10, {record("a-1")});
    }

    const int status = in_child([&] {
        Catalog catalog = Catalog::open(file);
        Packages(catalog).replace_index(state("main"), 10, [](const auto& take) {
            // More than the page cache holds, so that much of it is in the WAL file already.
            for (int i = 0; i < 1000; ++i)
                take(record("b" + std::to_string(i) + "-1", std::string(100'000, 'x')));
            ::_exit(42);
        });
        return 0;
    });
    REQUIRE(status == 42);

    Catalog reader = Catalog::open_read_only(file);
    CHECK(show(Packages(reader).all_bases()) == "a");
    Catalog writer = Catalog::open(file);
    CHECK(show(Packages(writer).by_base("a")) == "main/a-1");
    CHECK(writer.check().empty());
}

TEST_CASE("repositories that are no longer configured are forgotten, the others ordered anew",
          "[catalog][packages]") {
    Fixture fixture;
    for (const char* name : {"one", "two", "three"})
        offer(fixture.catalog, name, 10, {record("a-" + std::string(name))});
    Packages packages(fixture.catalog);
    CHECK(show(packages.by_base("a")) == "one/a-one two/a-two three/a-three");

    packages.keep_only({{"three", 10}, {"never-reached", 5}, {"one", 10}});
    CHECK(show(packages.by_base("a")) == "three/a-three one/a-one");
    CHECK(show(packages.offered("a")) == "three/a-three one/a-one");

    packages.keep_only({{"three", 20}, {"one", 10}});
    CHECK(show(packages.by_base("a")) == "one/a-one three/a-three");

    packages.keep_only({});
    CHECK(packages.all_bases().empty());
    CHECK(packages.repositories().empty());
}

TEST_CASE("those that could supersede a base are found, and no others", "[catalog][packages]") {
    Fixture fixture;
    format::SummaryRecord plain = record("plain-2");
    plain.supersedes = {"oldleaf-[0-9]*"};
    format::SummaryRecord either = record("either-2");
    either.supersedes = {"unrelated<1", "{oldleaf,oldroot}<3"};
    format::SummaryRecord any = record("any-2");
    any.supersedes = {"*leaf-[0-9]*"};
    format::SummaryRecord other = record("other-2");
    other.supersedes = {"oldleaf-devel-[0-9]*"};
    format::SummaryRecord broken = record("broken-2");
    broken.supersedes = {"{oldleaf"};
    offer(fixture.catalog, "main", 10, {plain, either, any, other, broken, record("oldleaf-3")});

    CHECK(show(Packages(fixture.catalog).superseding("oldleaf")) ==
          "main/plain-2 main/either-2 main/any-2 main/broken-2");
}

TEST_CASE("a search wants every word, in the name or the comment, in any case; names come first",
          "[catalog][packages]") {
    Fixture fixture;
    offer(fixture.catalog, "main", 10,
          {record("aaa-1", "works with nginx"), record("nginx-1.26", "HTTP server"),
           record("p5-nginx-1", "Perl in the HTTP server"), record("apache-2", "HTTP server"),
           record("nginx-devel-1.27", "HTTP server")});
    Packages packages(fixture.catalog);

    CHECK(show(packages.search({"nginx"}, 100)) ==
          "main/nginx-1.26 main/nginx-devel-1.27 main/p5-nginx-1 main/aaa-1");
    CHECK(show(packages.search({"NGINX", "http"}, 100)) ==
          "main/nginx-1.26 main/nginx-devel-1.27 main/p5-nginx-1");
    CHECK(show(packages.search({"nginx"}, 2)) == "main/nginx-1.26 main/nginx-devel-1.27");
    CHECK(packages.search({"nginx", "mysql"}, 100).empty());
    CHECK(packages.search({}, 100).empty());
    CHECK(packages.search({"nginx"}, 0).empty());
}

TEST_CASE("what is listed is in the order of bases, then of repositories, then of their indexes",
          "[catalog][packages]") {
    Fixture fixture;
    format::SummaryRecord sized = record("nginx-1.3", "HTTP server");
    sized.size_pkg = 5'000'000'000;
    sized.file_size = 123;
    offer(fixture.catalog, "second", 20, {sized, record("nginx-1.2"), record("apache-2")});
    offer(fixture.catalog, "first", 10, {record("nginx-1.1"), record("nginx-1.0")});
    Packages packages(fixture.catalog);

    const auto all = packages.listed();

    CHECK(show(all) == "second/apache-2 first/nginx-1.1 first/nginx-1.0 second/nginx-1.3 second/nginx-1.2");
    REQUIRE(all.size() == 5);
    CHECK(all[3].priority == 20);
    CHECK(all[3].comment == "HTTP server");
    CHECK(all[3].size_pkg == 5'000'000'000);
    CHECK(all[3].file_size == 123);
    CHECK_FALSE(all[4].file_size);
    CHECK(show(packages.listed("apache")) == "second/apache-2");
    CHECK(packages.listed("apach").empty());
}

TEST_CASE("in a search no character is special", "[catalog][packages]") {
    Fixture fixture;
    offer(fixture.catalog, "main", 10,
          {record("a-1", "100% sure"), record("b-1", "under_score"), record("c-1", "it's \"quoted\""),
           record("d-1", std::string("nul\0after", 9)), record("e-1", "back\\slash"),
           record("f-1", "star*")});
    Packages packages(fixture.catalog);

    CHECK(show(packages.search({"%"}, 100)) == "main/a-1");
    CHECK(show(packages.search({"_"}, 100)) == "main/b-1");
    CHECK(show(packages.search({"it's"}, 100)) == "main/c-1");
    CHECK(show(packages.search({"\"quoted\""}, 100)) == "main/c-1");
    CHECK(show(packages.search({"after"}, 100)) == "main/d-1");
    CHECK(show(packages.search({"\\"}, 100)) == "main/e-1");
    CHECK(show(packages.search({"*"}, 100)) == "main/f-1");
    CHECK(packages.search({std::string(1 << 20, 'x')}, 100).empty());
}

TEST_CASE("names with odd characters and of a megabyte are names", "[catalog][packages]") {
    Fixture fixture;
    const std::vector<std::string> bases = {"it's", "a%b", "a_b", std::string("n\0l", 3),
                                            std::string(1 << 20, 'y')};
    std::vector<format::SummaryRecord> records;
    for (const std::string& each : bases)
        records.push_back(record(each + "-1.0"));
    offer(fixture.catalog, "main", 10, records);
    Packages packages(fixture.catalog);

    for (const std::string& each : bases) {
        REQUIRE(packages.by_base(each).size() == 1);
        CHECK(packages.by_base(each)[0].record.pkgname == each + "-1.0");
        CHECK(packages.find("main", each + "-1.0"));
    }
}

TEST_CASE("a pattern with a newline in it is refused, not split", "[catalog][packages]") {
    Fixture fixture;
    format::SummaryRecord bad = record("a-1");
    bad.depends = {"b>=1\nc>=1"};

    const auto error = error_of([&] { offer(fixture.catalog, "main", 10, {bad}); });

    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::corrupt);
    CHECK_FALSE(Packages(fixture.catalog).repository("main"));
}
