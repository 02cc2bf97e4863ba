// What an image is: tree, seed, manifest, package database.
#include "support/catch.hpp"

#include <cstdlib>

#include <sys/stat.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/process.hpp"
#include "support/store_fixture.hpp"

using namespace pkgjail;
using namespace pkgjail::test;
using base::RootPath;

namespace {

PackageSpec library() {
    PackageSpec spec;
    spec.pkgname = "libone-1.0";
    spec.files = {{"lib/libone.so.1", "library\n", 0755}, {"share/one/readme", "read me\n", 0644}};
    spec.symlinks = {{"lib/libone.so", "libone.so.1"}};
    return spec;
}

PackageSpec server() {
    PackageSpec spec;
    spec.pkgname = "server-2.0nb1";
    spec.files = {{"etc/server/server.conf", "listen\n", 0640}, {"sbin/server", "server\n", 0755}};
    spec.hardlinks = {{"sbin/server-admin", "sbin/server"}};
    spec.directories = {"share/server/empty", "etc/server/conf.d"};
    spec.depends = {"libone>=1.0"};
    spec.display = "Read the manual.\n";
    return spec;
}

std::string stat_line(const base::Tree& tree, const char* path) {
    const auto entry = tree.stat(RootPath::parse(path));
    if (!entry)
        return "missing";
    return std::to_string(entry->permissions()) + " " + std::to_string(entry->status.st_nlink) + " " +
           std::to_string(entry->status.st_mtim.tv_sec);
}

} // namespace

TEST_CASE("an image of two packages is exactly their files, the seed and the package database",
          "[store][image]") {
    StoreFixture at_work;
    store::BuildRequest request = at_work.request_of({library(), server()});
    request.packages[0].automatic = true;
    request.record = "{}\n";

    const store::BuiltImage built = at_work.build(request);

    const std::string contents = std::to_string(packing_list(library()).size());
    CHECK(show(built.manifest, "/tree/bin").empty());
    const std::string tree = show(built.manifest, "/tree");
    std::string without_database;
    for (std::size_t at = 0; at < tree.size();) {
        const std::size_t end = tree.find('\n', at) + 1;
        const std::string line = tree.substr(at, end - at);
        if (line.find("/tree/pkgdb/") == std::string::npos)
            without_database += line;
        at = end;
    }
    CHECK(without_database == "d 0755 0 - /tree/etc\n"
                              "d 0755 0 - /tree/lib\n"
                              "l 0777 11 libone-1.0 /tree/lib/libone.so -> libone.so.1\n"
                              "f 0755 8 libone-1.0 /tree/lib/libone.so.1\n"
                              "d 0755 0 - /tree/pkgdb\n"
                              "d 0755 0 - /tree/pkgdb.refcount\n"
                              "d 0755 0 - /tree/sbin\n"
                              "f 0755 7 server-2.0nb1 /tree/sbin/server\n"
                              "f 0755 7 server-2.0nb1 /tree/sbin/server-admin\n"
                              "d 0755 0 - /tree/share\n"
                              "d 0755 0 - /tree/share/one\n"
                              "f 0644 8 libone-1.0 /tree/share/one/readme\n"
                              "d 0755 0 - /tree/share/server\n"
                              "d 0755 0 - /tree/share/server/empty\n");
    CHECK(show(built.manifest, "/tree/pkgdb/libone-1.0/+CONTENTS") ==
          "f 0644 " + contents + " libone-1.0 /tree/pkgdb/libone-1.0/+CONTENTS\n");
    CHECK(show(built.manifest, "/seed/config/usr/pkg") ==
          "d 0755 0 - /seed/config/usr/pkg\n"
          "d 0755 0 - /seed/config/usr/pkg/etc\n"
          "d 0755 0 - /seed/config/usr/pkg/etc/server\n"
          "d 0755 0 - /seed/config/usr/pkg/etc/server/conf.d\n"
          "f 0640 7 server-2.0nb1 /seed/config/usr/pkg/etc/server/server.conf\n");
    CHECK(show(built.manifest, "/seed/data") == "d 0755 0 - /seed/data\n"
                                                "d 0755 0 - /seed/data/home\n"
                                                "d 0700 0 - /seed/data/root\n"
                                                "d 0755 0 - /seed/data/var\n"
                                                "d 0755 0 - /seed/data/var/cache\n"
                                                "d 0755 0 - /seed/data/var/db\n"
                                                "d 0755 0 - /seed/data/var/lib\n"
                                                "d 0755 0 - /seed/data/var/log\n"
                                                "d 0755 0 - /seed/data/var/run\n"
                                                "d 0755 0 - /seed/data/var/spool\n"
                                                "d 1777 0 - /seed/data/var/tmp\n");
    CHECK(built.messages ==
          std::vector<std::pair<std::string, std::string>>{{"server-2.0nb1", "Read the manual.\n"}});
    CHECK(built.warnings.empty());
    CHECK(built.setid.empty());
    CHECK(at_work.scripts.made_jails == 0);
}

TEST_CASE("an image on disk is what its manifest says, and its id follows from it", "[store][image]") {
    StoreFixture at_work;
    store::BuildRequest request = at_work.request_of({library(), server()});
    request.record = "{\"a\": 1}\n";

    const store::BuiltImage built = at_work.build(request);

    const base::Tree image = at_work.image(built);
    CHECK(at_work.left_in(at_work.layout.images()) == built.id + "\n");
    CHECK(at_work.left_in(at_work.layout.image(built.id)) == "image.json\nmanifest\nseed\ntree\n");
    CHECK(image.read(RootPath::parse("/manifest")) == built.manifest.text());
    CHECK(image.read(RootPath::parse("/image.json")) == "{\"a\": 1}\n");
    CHECK(built.id == base::sha256(store::build_key(request) + "\n" + built.manifest.text()));
    CHECK(jail::Manifest::parse(built.manifest.text()).entries == built.manifest.entries);
    for (const jail::ManifestEntry& entry : built.manifest.entries) {
        CAPTURE(entry.path.str());
        const auto there = image.stat(entry.path);
        REQUIRE(there);
        if (entry.type == jail::EntryType::file)
            CHECK(base::sha256(image.read(entry.path)) == entry.sha256);
        if (entry.type != jail::EntryType::symlink)
            CHECK(there->permissions() == entry.mode);
    }
}

TEST_CASE("modes, times and hard links are the archive's", "[store][image]") {
    StoreFixture at_work;

    const base::Tree image = at_work.image(at_work.build({library(), server()}));

    CHECK(stat_line(image, "/tree/sbin/server") == std::to_string(0755) + " 2 1760000000");
    CHECK(stat_line(image, "/tree/share/one/readme") == std::to_string(0644) + " 1 1760000000");
    CHECK(image.stat(RootPath::parse("/tree/lib/libone.so"))->status.st_mtim.tv_sec == 1760000000);
    CHECK(image.stat(RootPath::parse("/tree/sbin/server"))->status.st_ino ==
          image.stat(RootPath::parse("/tree/sbin/server-admin"))->status.st_ino);
    struct stat top {};
    REQUIRE(::fstat(image.fd().get(), &top) == 0);
    CHECK((top.st_mode & 07777) == 0700);
}

TEST_CASE("the package database is as the stock tools write it", "[store][image][pkgdb]") {
    StoreFixture at_work;
    PackageSpec one = library(), two = server(), three = small_package("tool-3");
    three.depends = {"libone-[0-9]*", "libone>=0.5", "server>=2"};
    three.install_script = "#!/bin/sh\n";
    three.deinstall_script = "#!/bin/sh\n";
    store::BuildRequest request = at_work.request_of({one, two, three});
    request.packages[0].automatic = true;

    const store::BuiltImage built = at_work.build(request);

    const base::Tree database = at_work.image(built).open_tree(RootPath::parse("/tree/pkgdb"));
    CHECK(shape(database) == "/libone-1.0/\n"
                             "/libone-1.0/+BUILD_INFO\n"
                             "/libone-1.0/+COMMENT\n"
                             "/libone-1.0/+CONTENTS\n"
                             "/libone-1.0/+DESC\n"
                             "/libone-1.0/+INSTALLED_INFO\n"
                             "/libone-1.0/+REQUIRED_BY\n"
                             "/libone-1.0/+SIZE_ALL\n"
                             "/libone-1.0/+SIZE_PKG\n"
                             "/server-2.0nb1/\n"
                             "/server-2.0nb1/+BUILD_INFO\n"
                             "/server-2.0nb1/+COMMENT\n"
                             "/server-2.0nb1/+CONTENTS\n"
                             "/server-2.0nb1/+DESC\n"
                             "/server-2.0nb1/+DISPLAY\n"
                             "/server-2.0nb1/+REQUIRED_BY\n"
                             "/server-2.0nb1/+SIZE_ALL\n"
                             "/server-2.0nb1/+SIZE_PKG\n"
                             "/tool-3/\n"
                             "/tool-3/+BUILD_INFO\n"
                             "/tool-3/+COMMENT\n"
                             "/tool-3/+CONTENTS\n"
                             "/tool-3/+DEINSTALL\n"
                             "/tool-3/+DESC\n"
                             "/tool-3/+INSTALL\n"
                             "/tool-3/+SIZE_ALL\n"
                             "/tool-3/+SIZE_PKG\n");
    CHECK(database.read(at("/libone-1.0/+REQUIRED_BY")) == "server-2.0nb1\ntool-3\n");
    CHECK(database.read(at("/server-2.0nb1/+REQUIRED_BY")) == "tool-3\n");
    CHECK(database.read(at("/libone-1.0/+INSTALLED_INFO")) == "automatic=yes\n");
    CHECK(database.read(at("/tool-3/+CONTENTS")) == packing_list(three));
    const auto mode = [&](const char* path) { return database.stat(at(path))->permissions(); };
    CHECK(mode("/tool-3/+INSTALL") == 0555);
    CHECK(mode("/tool-3/+DEINSTALL") == 0555);
    CHECK(mode("/tool-3/+CONTENTS") == 0644);
    CHECK(mode("/tool-3/+COMMENT") == 0444);
    CHECK(mode("/libone-1.0/+INSTALLED_INFO") == 0644);
    CHECK(mode("/libone-1.0/+REQUIRED_BY") == 0644);
}

TEST_CASE("the stock pkg_info reads an image", "[store][image][pkgdb]") {
    const char* pkg_info = std::getenv("PKGJAIL_TEST_PKG_INFO");
    if (pkg_info == nullptr)
        return; // not on this machine; the case above says what it needs
    StoreFixture at_work;
    const store::BuiltImage built = at_work.build({library(), server()});
    const std::string database = (at_work.layout.image_tree(built.id) / "pkgdb").string();
    const auto say = [&](std::vector<std::string> words) {
        base::Command command;
        command.argv = {pkg_info, "-K", database};
        command.argv.insert(command.argv.end(), words.begin(), words.end());
        command.environment = {"PATH=/usr/bin:/bin"};
        return base::run(command, std::chrono::minutes(1)).out;
    };

    CHECK(say({"-E", "libone"}) == "libone-1.0\n");
    CHECK(say({"-qR", "libone"}) == "server-2.0nb1\n\n");
    CHECK(say({"-qL", "server"}).find("/usr/pkg/sbin/server-admin\n") != std::string::npos);
    CHECK(say({"-X", "server"}).find("PKGNAME=server-2.0nb1\n") != std::string::npos);
}

TEST_CASE("the same packages give the same image, in another order of files on disk too", "[store][image]") {
    StoreFixture first, second;

    CHECK(first.build({library(), server()}).id == second.build({library(), server()}).id);
}

TEST_CASE("building an image again leaves one", "[store][image]") {
    StoreFixture at_work;

    const std::string id = at_work.build({library()}).id;
    const std::string before = state_of_tree(at_work.layout.image(id));
    CHECK(at_work.build({library()}).id == id);

    CHECK(at_work.left_in(at_work.layout.images()) == id + "\n");
    CHECK(state_of_tree(at_work.layout.image(id)) == before);
}

TEST_CASE("an image of no packages is a seed and an empty database", "[store][image]") {
    StoreFixture at_work;

    CHECK(show(at_work.build(std::vector<PackageSpec>{}).manifest, "/tree") ==
          "d 0755 0 - /tree/etc\nd 0755 0 - /tree/pkgdb\nd 0755 0 - /tree/pkgdb.refcount\n");
}

TEST_CASE("the build key is the same for the same input and another for each ingredient", "[store][key]") {
    store::BuildRequest request;
    request.base.id = "host-linux-debian-12-x86_64";
    request.packages.push_back({"a-1", false, -1, "aa", "a-1.tgz", {}});
    request.packages.push_back({"b-1", true, -1, "bb", "b-1.tgz", {}});
    request.accounts.users["svc"] = 20000;
    request.accounts.groups["svc"] = 20000;
    const std::string key = store::build_key(request);
    const auto key_with = [&](const std::function<void(store::BuildRequest&)>& change) {
        store::BuildRequest other = request;
        change(other);
        return store::build_key(other);
    };

    CHECK(key.size() == 64);
    CHECK(key_with([](auto&) {}) == key);
    // What does not end up in the image.
    CHECK(key_with([](auto& r) { r.record = "other"; }) == key);
    CHECK(key_with([](auto& r) { r.packages[0].archive_name = "other.tgz"; }) == key);
    CHECK(key_with([](auto& r) { r.unpacked_bytes = 5; }) == key);

    CHECK(key_with([](auto& r) { r.base.id = "host-linux-debian-13-x86_64"; }) != key);
    CHECK(key_with([](auto& r) { r.prefix = "/opt/pkg"; }) != key);
    CHECK(key_with([](auto& r) { r.packages[0].pkgname = "a-2"; }) != key);
    CHECK(key_with([](auto& r) { r.packages[0].sha256 = "ab"; }) != key);
    CHECK(key_with([](auto& r) { r.packages[0].automatic = true; }) != key);
    CHECK(key_with([](auto& r) { std::swap(r.packages[0], r.packages[1]); }) != key);
    CHECK(key_with([](auto& r) { r.packages.pop_back(); }) != key);
    CHECK(key_with([](auto& r) { r.accounts.users["svc"] = 20001; }) != key);
    CHECK(key_with([](auto& r) { r.accounts.groups["svc"] = 20001; }) != key);
    CHECK(key_with([](auto& r) { r.accounts.groups["more"] = 20002; }) != key);
    CHECK(key_with([](auto& r) { r.setid = jail::SetidPolicy::keep; }) != key);
    CHECK(key_with([](auto& r) { r.run_scripts = false; }) != key);
}
