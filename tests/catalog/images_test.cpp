#include "pkgjail/catalog/images.hpp"

#include "catalog/fixture.hpp"
#include "pkgjail/catalog/image_changes.hpp"

using namespace pkgjail;
using namespace pkgjail::catalog;
using namespace pkgjail::test;
using base::ErrorKind;

namespace {

std::string ids(const std::vector<Image>& images) {
    std::vector<std::string> words;
    for (const Image& each : images)
        words.push_back(each.id);
    return show(words);
}

} // namespace

TEST_CASE("an image comes back as it was put in", "[catalog][images]") {
    Fixture fixture;
    Image given = image("i1");
    ImagePackage lib;
    lib.pkgname = "lib-1.0";
    lib.archive_sha256 = "aabb";
    lib.automatic = true;
    lib.repository = "main";
    lib.build_date = "2026-11-21 22:00:00 +0000";
    lib.comment = "it's a library";
    lib.size_bytes = 1234;
    lib.depends = {"zlib>=1.2", "{a,b}-[0-9]*"};
    lib.conflicts = {"lib-nox-[0-9]*"};
    lib.trust = "index-signed: ours 42";
    ImagePackage app;
    app.pkgname = "app-1.0";
    given.packages = {lib, app};
    jail::Manifest manifest;
    manifest.entries.push_back(file_entry("/tree/bin/app", "01", 7, 04755));
    jail::ManifestEntry link;
    link.path = base::RootPath::parse("/tree/lib/liba.so");
    link.type = jail::EntryType::symlink;
    link.mode = 0777;
    link.size = 9;
    link.sha256 = "02";
    link.link_target = "liba.so.1";
    manifest.entries.push_back(link);
    jail::ManifestEntry odd = file_entry("/tree/share", "03", 5);
    odd.path = odd.path.entry("new\nline and \xff");
    odd.uid = 20000;
    odd.gid = 20001;
    odd.package.clear();
    manifest.entries.push_back(odd);
    Images images(fixture.catalog);

    images.add(given, manifest);

    const auto found = images.find("i1");
    REQUIRE(found);
    CHECK(found->build_key == "key of i1");
    CHECK(found->base_id == "host");
    CHECK(found->prefix == "/usr/pkg");
    CHECK(found->created_at == 1000);
    CHECK(found->size_bytes == 12);
    CHECK(found->file_count == 2);
    REQUIRE(found->packages.size() == 2);
    CHECK(found->packages[0].pkgname == "lib-1.0");
    CHECK(found->packages[0].archive_sha256 == "aabb");
    CHECK(found->packages[0].automatic);
    CHECK(found->packages[0].repository == "main");
    CHECK(found->packages[0].build_date == lib.build_date);
    CHECK(found->packages[0].comment == lib.comment);
    CHECK(found->packages[0].size_bytes == 1234);
    CHECK(found->packages[0].depends == lib.depends);
    CHECK(found->packages[0].conflicts == lib.conflicts);
    CHECK(found->packages[0].trust == "index-signed: ours 42");
    CHECK(images.trust_of("lib-1.0", "aabb") == "index-signed: ours 42");
    CHECK(images.trust_of("lib-1.0", "aabc").empty());
    CHECK(images.trust_of("app-1.0", "").empty());
    CHECK(found->packages[1].pkgname == "app-1.0");
    CHECK_FALSE(found->packages[1].automatic);
    CHECK(found->packages[1].depends.empty());
    CHECK(images.manifest("i1").entries == manifest.entries);
    CHECK(fixture.catalog.check().empty());
}

TEST_CASE("an image is found by each of its build keys", "[catalog][images]") {
    Fixture fixture;
    Images images(fixture.catalog);
    images.add(image("i1"), {});
    CHECK(images.find_by_key("key of i1")->id == "i1");
    CHECK_FALSE(images.find_by_key("another key"));
    CHECK_FALSE(images.find("i2"));

    images.add_key("i1", "another key");
    images.add_key("i1", "another key");

    CHECK(images.find_by_key("another key")->id == "i1");
    CHECK(images.find_by_key("key of i1")->id == "i1");
    CHECK(error_of([&] { images.add_key("i2", "k"); })->kind() == ErrorKind::not_found);
}

TEST_CASE("an image cannot be added twice, nor under a known key", "[catalog][images]") {
    Fixture fixture;
    Images images(fixture.catalog);
    images.add(image("i1"), {{file_entry("/tree/a", "01")}});
    Image same_key = image("i2");
    same_key.build_key = "key of i1";

    CHECK(error_of([&] { images.add(image("i1"), {}); })->kind() == ErrorKind::conflict);
    CHECK(error_of([&] { images.add(same_key, {}); })->kind() == ErrorKind::conflict);
    CHECK(ids(images.all()) == "i1");
    CHECK(images.manifest("i1").entries.size() == 1);
}

TEST_CASE("an image that is added in a transaction which is not committed is not there",
          "[catalog][images]") {
    Fixture fixture;
    Images images(fixture.catalog);
    {
        Transaction transaction(fixture.catalog.database());
        images.add(image("i1"), {{file_entry("/tree/a", "01")}});
        CHECK(images.find("i1"));
    }
    CHECK_FALSE(images.find("i1"));
}

TEST_CASE("images are listed oldest first", "[catalog][images]") {
    Fixture fixture;
    Images images(fixture.catalog);
    Image older = image("z");
    older.created_at = 1;
    images.add(image("a"), {});
    images.add(older, {});
    CHECK(ids(images.all()) == "z a");
}

TEST_CASE("an equal file is found only below /tree and only if everything is equal", "[catalog][images]") {
    Fixture fixture;
    Images images(fixture.catalog);
    images.add(image("i1"), {{file_entry("/seed/config/a", "01"), file_entry("/tree/b", "02", 10, 0755)}});

    const auto wanted = file_entry("/tree/x", "02", 10, 0755);
    auto other_owner = wanted;
    other_owner.gid = 5;
    auto link = wanted;
    link.type = jail::EntryType::symlink;

    const auto found = images.find_equal(wanted);
    REQUIRE(found);
    CHECK(found->image_id == "i1");
    CHECK(found->path == "/tree/b");
    CHECK_FALSE(images.find_equal(file_entry("/tree/x", "01")));
    CHECK_FALSE(images.find_equal(file_entry("/tree/x", "02", 11, 0755)));
    CHECK_FALSE(images.find_equal(file_entry("/tree/x", "02", 10, 0644)));
    CHECK_FALSE(images.find_equal(file_entry("/tree/x", "03", 10, 0755)));
    CHECK_FALSE(images.find_equal(other_owner));
    CHECK_FALSE(images.find_equal(link));
}

TEST_CASE("an image in use stays, and is told by whom; an unused one goes with everything",
          "[catalog][images]") {
    Fixture fixture;
    Images images(fixture.catalog);
    images.add(image("i1"), {{file_entry("/tree/a", "01")}});
    images.add(image("i2"), {{file_entry("/tree/a", "01")}});
    images.add_key("i2", "second key");
    Jails jails(fixture.catalog);
    jails.add(jail_named("web", "j1"), generation_of("i1"));
    CHECK(show(images.unreferenced()) == "i2");

    const auto in_use = error_of([&] { images.remove("i1"); });
    images.remove("i2");

    REQUIRE(in_use);
    CHECK(in_use->kind() == ErrorKind::conflict);
    CHECK(in_use->cause() == "is in use by generation 1 of jail web");
    CHECK(ids(images.all()) == "i1");
    CHECK_FALSE(images.find_by_key("second key"));
    CHECK(images.find_equal(file_entry("/tree/x", "01"))->image_id == "i1");
    CHECK(error_of([&] { images.remove("i2"); })->kind() == ErrorKind::not_found);
    CHECK(error_of([&] { images.manifest("i2"); })->kind() == ErrorKind::not_found);
    jails.remove("j1");
    CHECK(show(images.unreferenced()) == "i1");
    CHECK(fixture.catalog.check().empty());
}

TEST_CASE("what differs between two images is counted both ways", "[catalog][images][history]") {
    Fixture fixture;
    Images images(fixture.catalog);
    jail::ManifestEntry directory;
    directory.path = base::RootPath::parse("/tree/only");
    directory.type = jail::EntryType::directory;
    images.add(image("i1"), {{file_entry("/tree/gone", "01", 5), file_entry("/tree/mode", "02", 10, 0755),
                              file_entry("/tree/same", "03", 20), file_entry("/tree/text", "04", 30)}});
    images.add(image("i2"), {{file_entry("/tree/mode", "02", 10, 0700), file_entry("/tree/new1", "05", 1),
                              file_entry("/tree/new2", "05", 1), directory,
                              file_entry("/tree/same", "03", 20), file_entry("/tree/text", "06", 30)}});
    const auto show_changes = [&](const std::string& before, const std::string& after) {
        const ImageChanges changes = image_changes(fixture.catalog, before, after);
        return std::to_string(changes.added) + " added, " + std::to_string(changes.removed) + " removed, " +
               std::to_string(changes.changed) + " changed, " + std::to_string(changes.size_bytes) + " bytes";
    };

    CHECK(show_changes("i1", "i2") == "2 added, 1 removed, 2 changed, -3 bytes");
    CHECK(show_changes("i2", "i1") == "1 added, 2 removed, 2 changed, 3 bytes");
    CHECK(show_changes("i1", "i1") == "0 added, 0 removed, 0 changed, 0 bytes");
    CHECK(show_changes("", "i1") == "4 added, 0 removed, 0 changed, 65 bytes");
    CHECK(error_of([&] { show_changes("i1", "i9"); })->kind() == ErrorKind::not_found);
}

TEST_CASE("an image is found by what was promised, and its promises go with it", "[catalog][images]") {
    Fixture fixture;
    Images images(fixture.catalog);
    for (const char* id : {"i1", "i2"})
        images.add(image(id), {});
    images.put_promise("i1", {"p1", {"liba.so.1", "libb.so.2"}});
    images.put_promise("i1", {"p2", {}});
    images.put_promise("i2", {"p2", {}});

    const auto first = images.find_promised("p1");
    REQUIRE(first);
    CHECK(first->image_id == "i1");
    CHECK(show(first->base_libraries) == "liba.so.1 libb.so.2");
    CHECK(images.find_promised("p2")->image_id == "i2");
    CHECK_FALSE(images.find_promised("p3"));
    images.remove("i2");
    CHECK_FALSE(images.find_promised("p2"));
    CHECK(error_of([&] { images.put_promise("gone", {"p3", {}}); })->kind() == ErrorKind::not_found);
}

TEST_CASE("the newest image that has a package as its archive has it is found", "[catalog][images]") {
    Fixture fixture;
    Images images(fixture.catalog);
    ImagePackage lib;
    lib.pkgname = "lib-1.0";
    lib.archive_sha256 = "aa";
    lib.as_unpacked = true;
    ImagePackage changed = lib;
    changed.as_unpacked = false;
    for (const auto& [id, package] : {std::pair("i1", lib), std::pair("i2", lib), std::pair("i3", changed)}) {
        Image given = image(id);
        given.packages = {package};
        images.add(given, {});
    }

    const auto found = images.find_unpacked("lib-1.0", "aa", "/usr/pkg");
    REQUIRE(found);
    CHECK(found->id == "i2");
    CHECK(found->build_key == "key of i2");
    CHECK(found->created_at == 1000);
    CHECK_FALSE(images.find_unpacked("lib-1.0", "ab", "/usr/pkg"));
    CHECK_FALSE(images.find_unpacked("lib-1.1", "aa", "/usr/pkg"));
    CHECK_FALSE(images.find_unpacked("lib-1.0", "aa", "/opt/pkg"));
    images.remove("i2");
    CHECK(images.find_unpacked("lib-1.0", "aa", "/usr/pkg")->id == "i1");
    CHECK(images.find("i1")->packages.front().as_unpacked);
    CHECK_FALSE(images.find("i3")->packages.front().as_unpacked);
}
