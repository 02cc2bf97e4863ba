// import --from: a root made by hand, or a ship of sailor's, becomes a jail.
#include <filesystem>
#include <fstream>

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "flow/flow.hpp"
#include "pkgjail/base/digest.hpp"
#include "support/catch.hpp"
#include "support/host_steps.hpp"

using namespace pkgjail;
using test::check_fails;
using test::CommandResult;
using test::package;
using test::PackageSpec;
using test::Shop;
namespace fs = std::filesystem;

namespace {

const std::string example = "level = 1\n";

PackageSpec web(const std::string& pkgname) {
    PackageSpec spec = package(pkgname, {"lib>=1"});
    spec.files.push_back({"share/examples/web.conf", example});
    spec.files.push_back({"sbin/web", "#!/bin/sh\n# " + pkgname + "\n", 0755});
    return spec;
}

void write(const fs::path& file, const std::string& text) {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
}

std::string text_of(const fs::path& file) {
    std::ifstream stream(file);
    return {std::istreambuf_iterator<char>(stream), {}};
}

/// As pkg_add(1) leaves it.
void add(const fs::path& prefix, const PackageSpec& spec, bool automatic) {
    const fs::path entry = prefix / "pkgdb" / spec.pkgname;
    std::string contents = "@name " + spec.pkgname + "\n@cwd /usr/pkg\n";
    for (const test::PackageFile& file : spec.files) {
        write(prefix / file.path, file.content);
        contents +=
            file.path + "\n@comment MD5:" + base::digest_of(base::DigestAlgorithm::md5, file.content) + "\n";
    }
    write(entry / "+CONTENTS", contents);
    if (automatic)
        write(entry / "+INSTALLED_INFO", "automatic=yes\n");
}

/// A root with web 1.0 and lib 1.0, and a repository that has web 1.1.
class Chroot {
  public:
    Chroot() : shop_({web("web-1.1"), package("lib-1.0"), package("other-2.0")}) {
        host().write_config("recipes.d/web.recipe",
                            "[recipe]\nsummary = a test\npackage = web\n"
                            "[service]\ncommand = ${prefix}/sbin/web\n"
                            "[data]\npath = /var/db/web\n"
                            "[file ${prefix}/etc/recipe.conf]\nsource = recipe.conf\n");
        host().write_config("recipes.d/recipe.conf", "of the recipe\n");
        REQUIRE(host().run({"update"}).status == 0);
        add(prefix(), web("web-1.0"), false);
        add(prefix(), package("lib-1.0"), true);
        write(prefix() / "etc/web.conf", example);
        write(prefix() / "etc/more/web.conf", "level = 2\n");
        write(root() / "var/db/web/rows", "1 2 3\n");
        write(root() / "etc/passwd", "root:x:0:0::/:/bin/sh\n");
    }

    const test::Host& host() const { return shop_.host(); }
    fs::path root() const { return directory_ / "root"; }
    fs::path prefix() const { return root() / "usr/pkg"; }
    CommandResult import(std::vector<std::string> more = {}) const {
        more.insert(more.begin(), {"import", "--from", "dir", root().string(), "site", "--no-start"});
        return host().run(more);
    }
    /// The only jail's directory.
    fs::path jail() const {
        REQUIRE(!fs::is_empty(host().state() / "jails"));
        return fs::directory_iterator(host().state() / "jails")->path();
    }
    fs::path config() const { return jail() / "config/1/usr/pkg/etc"; }

  private:
    Shop shop_;
    test::TempDir directory_;
};

std::string taken(const CommandResult& result) {
    std::string text;
    const nlohmann::json document = result.json();
    for (const auto& one : document["taken"])
        text += one["kind"].get<std::string>() + " " + one["from"].get<std::string>() + " " +
                one["to"].get<std::string>() + (one["over_recipe"] == true ? " over" : "") + "\n";
    return text;
}

std::string left(const CommandResult& result) {
    std::string text;
    const nlohmann::json document = result.json();
    for (const auto& one : document["left"])
        text += one["path"].get<std::string>() + ": " + one["why"].get<std::string>() + "\n";
    return text;
}

std::string remedy(const CommandResult& result, const std::string& path) {
    const nlohmann::json document = result.json();
    for (const auto& one : document["left"])
        if (one["path"] == path)
            return one["remedy"].get<std::string>();
    return "not told";
}

} // namespace

TEST_CASE("a root made by hand becomes a jail with its packages, changes and data", "[flow][migrate]") {
    const Chroot chroot;
    write(chroot.prefix() / "etc/recipe.conf", "mine\n");
    const std::string before = test::listing(chroot.root());

    const CommandResult result = chroot.import({"--json"});

    INFO(result.out << result.err);
    REQUIRE(result.status == 0);
    CHECK(taken(result) == "configuration /usr/pkg/etc/more/web.conf /usr/pkg/etc/more/web.conf\n"
                           "configuration /usr/pkg/etc/recipe.conf /usr/pkg/etc/recipe.conf over\n"
                           "data /var/db/web /var/db/web\n");
    CHECK(left(result) == "/etc: is the system's there, and the jail has its own: passwd\n");
    CHECK(result.json()["recipe"] == "web");
    CHECK(result.json()["packages"].dump() == R"([{"automatic":true,"here":"lib-1.0","there":"lib-1.0"},)"
                                              R"({"automatic":false,"here":"web-1.1","there":"web-1.0"}])");
    CHECK(text_of(chroot.config() / "more/web.conf") == "level = 2\n");
    CHECK(text_of(chroot.config() / "recipe.conf") == "mine\n");
    CHECK(!fs::exists(chroot.config() / "web.conf"));
    CHECK(text_of(chroot.jail() / "data/var/db/web/rows") == "1 2 3\n");
    CHECK(test::listing(chroot.root()) == before);
    test::check_sound(chroot.host());
    // What was taken over counts as the operator's change.
    CHECK_THAT(chroot.host().run({"config", "site", "--diff"}).out, ContainsSubstring("+mine"));
}

TEST_CASE("a dry run of an import from a directory tells the same and makes nothing", "[flow][migrate]") {
    const Chroot chroot;
    REQUIRE(::mkfifo((chroot.root() / "var/db/web/fifo").c_str(), 0600) == 0);
    REQUIRE(::mkfifo((chroot.prefix() / "etc/fifo").c_str(), 0600) == 0);
    write(chroot.root() / "var/db/web/program", "x");
    REQUIRE(::chmod((chroot.root() / "var/db/web/program").c_str(), 04755) == 0);
    REQUIRE(::chmod((chroot.prefix() / "etc/more/web.conf").c_str(), 02644) == 0);
    const std::string before = test::listing(chroot.host().state());

    const CommandResult dry = chroot.import({"--json", "-n"});

    CHECK(test::listing(chroot.host().state()) == before);
    REQUIRE(dry.status == 0);
    const CommandResult real = chroot.import({"--json"});
    CHECK(taken(dry) == taken(real));
    CHECK(left(dry) == left(real));
    CHECK(dry.json()["taken"] == real.json()["taken"]);
    CHECK(left(dry) == "/usr/pkg/etc/fifo: is no file\n"
                       "/etc: is the system's there, and the jail has its own: passwd\n"
                       "/usr/pkg/etc/more/web.conf: was set-id (mode 2644), and is not any more\n"
                       "/var/db/web/fifo: is a FIFO, a socket or a device\n"
                       "/var/db/web/program: was set-id (mode 4755), and is not any more\n");
}

TEST_CASE("nothing of a directory that is imported goes missing without a word", "[flow][migrate]") {
    const Chroot chroot;
    write(chroot.prefix() / "sbin/web", "changed");
    write(chroot.prefix() / "share/own/file", "mine");
    write(chroot.prefix() / "share/loose", "mine");
    write(chroot.prefix() / "etc/rc.d/web", "changed script");
    write(chroot.prefix() / "pkgdb/broken-1.0/+CONTENTS", "no packing list");
    write(chroot.root() / "var/log/web.log", "line");
    write(chroot.root() / "home/joe/file", "x");
    write(chroot.root() / "srv/site/index", "x");
    write(chroot.root() / "var/db/web/sub/x", "x");
    REQUIRE(::mkfifo((chroot.root() / "var/db/web/fifo").c_str(), 0600) == 0);
    REQUIRE(::chmod((chroot.root() / "var/db/web/sub/x").c_str(), 04755) == 0);

    const CommandResult result = chroot.import({"--json", "--data", "/srv/site=/var/www"});

    INFO(result.err);
    REQUIRE(result.status == 0);
    CHECK(left(result) == "/usr/pkg/etc/rc.d/web: is an rc.d script of your own, or a changed one\n"
                          "/usr/pkg/pkgdb/broken-1.0: cannot be read: it has no @name line\n"
                          "/usr/pkg/sbin/web: was changed since its package was installed\n"
                          "/usr/pkg/share/loose: belongs to no package\n"
                          "/usr/pkg/share/own: belongs to no package\n"
                          "/var/log/web.log: is no data path of the recipe\n"
                          "/home/joe: is no data path of the recipe\n"
                          "/etc: is the system's there, and the jail has its own: passwd\n"
                          "/var/db/web/fifo: is a FIFO, a socket or a device\n"
                          "/var/db/web/sub/x: was set-id (mode 4755), and is not any more\n");
    CHECK(text_of(chroot.jail() / "data/var/www/index") == "x");
    struct stat status {};
    REQUIRE(::stat((chroot.jail() / "data/var/db/web/sub/x").c_str(), &status) == 0);
    CHECK((status.st_mode & 07777u) == 0755);
}

TEST_CASE("links of a directory that is imported lead nowhere", "[flow][migrate]") {
    const Chroot chroot;
    test::TempDir outside;
    write(outside / "secret", "secret");
    fs::create_symlink(outside / "secret", chroot.prefix() / "etc/link.conf");
    fs::create_directory_symlink(outside.path(), chroot.prefix() / "etc/linked");
    fs::create_directory_symlink(outside.path(), chroot.root() / "var/db/web/linked");
    fs::remove_all(chroot.root() / "etc");
    fs::create_directory_symlink(outside.path(), chroot.root() / "etc");

    const CommandResult result = chroot.import({"--json"});

    INFO(result.out << result.err);
    REQUIRE(result.status == 0);
    CHECK(fs::is_symlink(chroot.config() / "link.conf"));
    CHECK(fs::is_symlink(chroot.config() / "linked"));
    CHECK(fs::is_symlink(chroot.jail() / "data/var/db/web/linked"));
    CHECK(text_of(outside / "secret") == "secret");
}

TEST_CASE("a directory that is a prefix itself is imported as one", "[flow][migrate]") {
    const Chroot chroot;

    const CommandResult result = chroot.host().run(
        {"import", "--from", "dir", chroot.prefix().string() + "/", "site", "--no-start", "--json"});

    INFO(result.out << result.err);
    REQUIRE(result.status == 0);
    CHECK(taken(result) == "configuration /etc/more/web.conf /usr/pkg/etc/more/web.conf\n");
    CHECK(left(result) == "");
    CHECK(text_of(chroot.config() / "more/web.conf") == "level = 2\n");
}

TEST_CASE("packages that are not offered end an import, unless others are named", "[flow][migrate]") {
    const Chroot chroot;
    add(chroot.prefix(), package("old-3.0"), false);

    const CommandResult refused = chroot.import();
    const CommandResult other = chroot.import({"-n", "--json", "--replace", "old=other"});
    const CommandResult absent = chroot.import({"--replace", "absent=web"});
    const CommandResult none = chroot.import({"--json", "--replace", "old="});

    CHECK(refused.status == 5);
    CHECK_THAT(refused.err, ContainsSubstring("old"));
    CHECK_THAT(refused.err, ContainsSubstring("--replace NAME=PATTERN"));
    CHECK(other.json()["packages"][1]["here"] == "other-2.0");
    REQUIRE(none.status == 0);
    CHECK_THAT(left(none), ContainsSubstring("old-3.0: is not installed, as --replace says"));
    CHECK(absent.status == 5);
    // Whichever of them it is.
    add(chroot.prefix(), package("zold-3.0"), false);
    const CommandResult last = chroot.host().run(
        {"import", "--from", "dir", chroot.root().string(), "last", "-n", "--replace", "old="});
    CHECK(last.status == 5);
    CHECK_THAT(last.err, ContainsSubstring("--replace NAME=PATTERN"));
}

TEST_CASE("an import from a directory says what is wrong with a request", "[flow][migrate]") {
    const Chroot chroot;
    const std::string root = chroot.root().string();
    test::TempDir empty;
    const std::map<std::string, std::string> names = {{"ROOT", root}, {"EMPTY", empty.path().string()}};

    check_fails(chroot.host(), {"import", "--from", "dir", empty.path().string(), "site"}, 5,
                "pkgjail: import: EMPTY: there is no package database in it: neither pkgdb in a prefix, nor "
                "var/db/pkg\n"
                "hint: name the root or the prefix that pkg_add(1) has put packages into\n",
                names);
    check_fails(chroot.host(), {"import", "--from", "file", root, "site"}, 64,
                "pkgjail: import: --from: found \"file\", allowed: dir, sailor\n"
                "hint: a file that pkgjail export wrote needs no --from\n",
                names);
    check_fails(chroot.host(), {"import", "--from", "dir", root}, 64,
                "pkgjail: import: a directory and a name for the jail are needed\n"
                "hint: pkgjail import --from dir DIRECTORY JAIL\n",
                names);
    check_fails(chroot.host(), {"import", "exported", "site", "--replace", "a=b"}, 64,
                "pkgjail: import: --replace: is for --from dir and --from sailor\n"
                "hint: an export has its own recipe, packages and data\n",
                names);
    check_fails(
        chroot.host(), {"import", "--from", "dir", root, "site", "--data", "/var/db/web=/usr/pkg/x"}, 64,
        "pkgjail: import: --data: found \"/usr/pkg/x\", allowed: a path below /var (not /var/run), /home or "
        "/root, or a data path of the recipe\n"
        "hint: --data /var/db/web=/var/web\n",
        names);
    check_fails(chroot.host(), {"import", "--from", "dir", root, "site", "--data", "/var/db/web=/var/run/x"},
                64,
                "pkgjail: import: --data: found \"/var/run/x\", allowed: a path below /var (not /var/run), "
                "/home or /root, or a data path of the recipe\n"
                "hint: --data /var/db/web=/var/web\n",
                names);
    check_fails(chroot.host(),
                {"import", "--from", "dir", root, "site", "--data", "/var/db/web/rows=/var/rows"}, 64,
                "pkgjail: import: ROOT/var/db/web/rows: is no directory\n"
                "hint: --data takes a directory with all that is in it; copy a file into the jail's data\n",
                names);
    check_fails(chroot.host(), {"import", "--from", "dir", root, "site", "--data", "/var/absent"}, 5,
                "pkgjail: import: ROOT/var/absent: there is no such directory\n"
                "hint: --data takes a path below the directory that is imported\n",
                names);
    chroot.host().write_config("recipes.d/lib.recipe",
                               "[recipe]\nsummary = a test\npackage = lib\n[service]\ncommand = /bin/true\n");
    fs::remove(chroot.prefix() / "pkgdb/lib-1.0/+INSTALLED_INFO");
    check_fails(chroot.host(), {"import", "--from", "dir", root, "site"}, 6,
                "pkgjail: import: ROOT: several recipes fit: lib, web\n"
                "hint: --recipe lib or --recipe web; a jail runs one, so make another jail for each of the "
                "others\n",
                names);
    REQUIRE(chroot.import({"--recipe", "web"}).status == 0);
    check_fails(chroot.host(), {"import", "--from", "dir", root, "site", "--recipe", "web"}, 6,
                "pkgjail: import: site: there is a jail of this name\n"
                "hint: give the jail another name, or destroy that one first\n",
                names);
    // Before anything is read.
    check_fails(chroot.host(), {"import", "--from", "dir", empty.path().string(), "site"}, 6,
                "pkgjail: import: site: there is a jail of this name\n"
                "hint: give the jail another name, or destroy that one first\n",
                names);
}

TEST_CASE("a recipe that is not here is not taken for a package of a ship's", "[flow][migrate]") {
    const Chroot chroot;
    test::TempDir directory;
    write(directory / "site.conf", "shipname=site\npackages=web\n");

    const CommandResult result = chroot.host().run(
        {"import", "--from", "sailor", (directory / "site.conf").string(), "--recipe", "web-typo"});

    CHECK(result.status == 5);
    CHECK_THAT(result.err, ContainsSubstring("pkgjail: import: web-typo: "));
    CHECK_THAT(result.err, !ContainsSubstring("--replace"));
}

TEST_CASE("an import from a directory that is killed has made a whole jail or none",
          "[flow][migrate][crash]") {
    const Chroot chroot;
    const Chroot other;
    const std::vector<std::string> command = {"import", "--from",    "dir", chroot.root().string(),
                                              "site",   "--no-start"};
    const std::vector<std::string> steps = test::steps_of(
        other.host(), {"import", "--from", "dir", other.root().string(), "site", "--no-start"});
    REQUIRE(std::find(steps.begin(), steps.end(), "import.taken_over") != steps.end());

    for (const std::string& step : steps) {
        INFO(step);
        CHECK(chroot.host().run(command, {{"PKGJAIL_STOP_AT", step}}).status == 128 + 9);
        REQUIRE(chroot.host().run({"gc"}).status == 0);
        test::check_sound(chroot.host());
        if (chroot.host().run({"list", "--json"}).json()["jails"].empty())
            continue;
        CHECK(text_of(chroot.jail() / "data/var/db/web/rows") == "1 2 3\n");
        REQUIRE(chroot.host().run({"destroy", "site", "--with-data", "--yes"}).status == 0);
    }
}

TEST_CASE("a ship of sailor's becomes a jail, and what it asked for besides is told", "[flow][migrate]") {
    const Chroot chroot;
    test::TempDir directory;
    write(directory / "site.conf", "services=\"web\"\nshipname=site\npackages=\"web other\"\n"
                                   "shippath=\"${HOME}/ships/site\"\nrw_mounts=\"/srv/www\"\n"
                                   "run_at_start=\"touch " +
                                       (directory / "ran").string() + "\"\ntouch " +
                                       (directory / "ran").string() + "\n");

    const CommandResult result = chroot.host().run(
        {"import", "--from", "sailor", (directory / "site.conf").string(), "--no-start", "--json"});

    INFO(result.out << result.err);
    REQUIRE(result.status == 0);
    CHECK(result.json()["jail"] == "site");
    CHECK(result.json()["recipe"] == "web");
    CHECK(result.json()["left"].size() == 4);
    CHECK_THAT(result.json()["left"][1]["remedy"].get<std::string>(),
               ContainsSubstring("pkgjail volume attach JAIL /srv/www:/srv/www:rw"));
    CHECK(!fs::exists(directory / "ran"));
    CHECK_THAT(chroot.host().run({"list"}).out, ContainsSubstring("site"));
    CHECK(chroot.host().run({"import", "--from", "sailor", (directory / "absent").string()}).status == 5);
}

TEST_CASE("the state directory is not copied into itself", "[flow][migrate]") {
    const test::TempDir directory;
    const fs::path root = directory / "root";
    add(root / "usr/pkg", web("web-1.0"), false);
    fs::create_directories(root / "var/own");
    const Shop shop({web("web-1.1"), package("lib-1.0")});
    const test::Host host(shop.path(), root / "var/own/state");
    REQUIRE(host.run({"update"}).status == 0);

    check_fails(host, {"import", "--from", "dir", root.string(), "site", "--no-start", "--data", "/var/own"},
                64,
                "pkgjail: import: ROOT/var/own: holds the state directory, ROOT/var/own/state, which would "
                "be copied into "
                "itself\n"
                "hint: name the directories below it that are data, each with --data\n",
                {{"ROOT", root.string()}});
    // Nor by another way to the same place.
    fs::create_directory_symlink(directory.path(), directory / "link");
    const CommandResult other_way = host.run(
        {"import", "--from", "dir", (directory / "link/root").string(), "site", "-n", "--data", "/var/own"});
    CHECK(other_way.status == 64);
    CHECK_THAT(other_way.err, ContainsSubstring("holds the state directory"));
}

TEST_CASE("a name in a directory or a ship never becomes a file of the current directory",
          "[flow][migrate]") {
    const Chroot chroot;
    test::TempDir ship;
    add(chroot.prefix(), package("evil.tgz-1"), false);
    for (const fs::path& here : {chroot.root(), ship.path()})
        test::write_bytes(here / "evil.tgz", test::package_bytes(package("evil-1.0")));
    write(ship / "site.conf", "shipname=site\npackages=evil.tgz\n");
    const auto import_in = [&](const fs::path& here, const std::string& more) {
        return test::run_in_shell(chroot.host(),
                                  "cd " + here.string() + " && pkgjail import --no-start --from " + more);
    };

    const CommandResult directory = import_in(chroot.root(), "dir . site");
    const CommandResult from_ship = import_in(ship.path(), "sailor site.conf");
    const CommandResult replaced = import_in(chroot.root(), "dir . site --replace evil.tgz=./evil.tgz");

    CHECK(directory.status == 5);
    CHECK_THAT(directory.err, ContainsSubstring("evil.tgz"));
    CHECK_THAT(directory.err, ContainsSubstring("--replace NAME=PATTERN"));
    CHECK(from_ship.status == 5);
    CHECK(replaced.status == 5);
    CHECK(chroot.host().run({"list", "--json"}).json()["jails"].empty());
}

TEST_CASE("a name that would be a pattern is told, and asks for nothing", "[flow][migrate]") {
    const Chroot chroot;
    for (const char* name : {"{lib,other}-1", "[a-z]*-1", "other<3-1"})
        add(chroot.prefix(), package(name), false);

    const CommandResult result = chroot.import({"--json", "-n"});
    const CommandResult replaced = chroot.import({"--json", "-n", "--replace", "{lib,other}=other"});

    INFO(result.err << replaced.err);
    REQUIRE(result.status == 0);
    CHECK(left(result) == "[a-z]*-1: has a name that no package is asked for by\n"
                          "other<3-1: has a name that no package is asked for by\n"
                          "{lib,other}-1: has a name that no package is asked for by\n"
                          "/etc: is the system's there, and the jail has its own: passwd\n");
    CHECK_THAT(result.json()["packages"].dump(), !ContainsSubstring("other-2.0"));
    CHECK_THAT(replaced.json()["packages"].dump(), ContainsSubstring("other-2.0"));
}

TEST_CASE("data that go to a place within the recipe's data are there in the end", "[flow][migrate]") {
    const Chroot chroot;
    write(chroot.root() / "srv/uploads/file", "kept");
    write(chroot.root() / "srv/old/file", "old");
    write(chroot.root() / "var/db/web/old/file", "of the recipe's data");
    fs::create_directory_symlink("/srv/uploads", chroot.root() / "var/db/web/uploads");
    fs::create_directory_symlink("/srv/uploads", chroot.root() / "var/db/web/way");
    const std::vector<std::string> data = {"--json",
                                           "--data",
                                           "/srv/uploads=/var/db/web/uploads",
                                           "--data",
                                           "/srv/old=/var/db/web/old",
                                           "--data",
                                           "/srv/old=/var/db/web/way/old"};
    std::vector<std::string> dry_run = data;
    dry_run.push_back("-n");

    const CommandResult dry = chroot.import(dry_run);
    const CommandResult result = chroot.import(data);

    INFO(result.err);
    REQUIRE(result.status == 0);
    const fs::path there = chroot.jail() / "data/var/db/web";
    CHECK(text_of(there / "rows") == "1 2 3\n");
    CHECK(!fs::is_symlink(there / "uploads"));
    CHECK(text_of(there / "uploads/file") == "kept");
    CHECK(text_of(there / "old/file") == "old");
    CHECK(text_of(there / "way/old/file") == "old");
    CHECK(left(result) == "/etc: is the system's there, and the jail has its own: passwd\n"
                          "/var/db/web/old: gives way to /srv/old, which goes to /var/db/web/old\n"
                          "/var/db/web/uploads: gives way to /srv/uploads, which goes to "
                          "/var/db/web/uploads\n"
                          "/var/db/web/way: gives way to /srv/old, which goes to /var/db/web/way/old\n");
    CHECK(left(dry) == left(result));
    CHECK(taken(dry) == taken(result));
    check_fails(chroot.host(),
                {"import", "--from", "dir", chroot.root().string(), "other", "--data",
                 "/srv/uploads=/var/www", "--data", "/srv/old=/var/www"},
                64,
                "pkgjail: import: --data: /var/www is given twice\n"
                "hint: one directory goes to one place\n");
}

TEST_CASE("without its access list a file's group has no more than the list gave it", "[flow][migrate]") {
    const Chroot chroot;
    const fs::path data = chroot.root() / "var/db/web/list";
    const fs::path configuration = chroot.prefix() / "etc/list.conf";
    // user::rw-, user:12345:rw-, group::---, mask::rw-, other::---, and with group::r--
    std::string list("\2\0\0\0"
                     "\1\0\6\0\377\377\377\377"
                     "\2\0\6\0\x39\x30\0\0"
                     "\4\0\0\0\377\377\377\377"
                     "\x10\0\6\0\377\377\377\377"
                     "\x20\0\0\0\377\377\377\377",
                     44);
    for (const fs::path& file : {data, configuration}) {
        write(file, "x");
        REQUIRE(::chmod(file.c_str(), 0600) == 0);
        if (::setxattr(file.c_str(), "system.posix_acl_access", list.data(), list.size(), 0) != 0) {
            WARN("no access lists on this file system");
            return;
        }
        list[22] = 4;
    }
    REQUIRE(::setxattr(data.c_str(), "user.note", "n", 1, 0) == 0);

    const CommandResult dry = chroot.import({"--json", "-n"});
    const CommandResult result = chroot.import({"--json"});

    INFO(result.err);
    REQUIRE(result.status == 0);
    CHECK(left(result) ==
          "/etc: is the system's there, and the jail has its own: passwd\n"
          "/usr/pkg/etc/list.conf: had an access list, and has none any more (mode 0660 with it, 0640 "
          "without)\n"
          "/var/db/web/list: had an access list, and has none any more (mode 0660 with it, 0600 without)\n");
    CHECK(left(dry) == left(result));
    const auto mode_of = [](const fs::path& file) {
        struct stat status {};
        REQUIRE(::stat(file.c_str(), &status) == 0);
        return status.st_mode & 07777u;
    };
    const fs::path copy = chroot.jail() / "data/var/db/web/list";
    CHECK(mode_of(copy) == 0600);
    CHECK(mode_of(chroot.config() / "list.conf") == 0640);
    char value[8] = {};
    CHECK(::getxattr(copy.c_str(), "system.posix_acl_access", value, sizeof value) < 0);
    CHECK(::getxattr(copy.c_str(), "user.note", value, sizeof value) == 1);
}

TEST_CASE("data below the prefix, and links in place of directories, are told or taken", "[flow][migrate]") {
    const Chroot chroot;
    // Built with VARBASE=${PREFIX}/var.
    fs::remove_all(chroot.root() / "var/db");
    write(chroot.prefix() / "var/db/web/rows", "of the prefix");
    write(chroot.prefix() / "var/spool/mail/joe", "x");
    write(chroot.prefix() / "own/pages/index", "x");
    write(chroot.prefix() / "own/other", "x");
    write(chroot.root() / "mnt/disk/file", "x");
    write(chroot.root() / "var/log/web.log", "line");
    fs::create_directory_symlink("/srv/home", chroot.root() / "home");

    const CommandResult result = chroot.import({"--json", "--data", "/usr/pkg/own/pages=/var/www"});

    INFO(result.err);
    REQUIRE(result.status == 0);
    CHECK(text_of(chroot.jail() / "data/var/db/web/rows") == "of the prefix");
    CHECK(text_of(chroot.jail() / "data/var/www/index") == "x");
    CHECK(left(result) == "/usr/pkg/own/other: belongs to no package\n"
                          "/usr/pkg/var/spool/mail: is no data path of the recipe\n"
                          "/var/log/web.log: is no data path of the recipe\n"
                          "/mnt: is no data path of the recipe\n"
                          "/home: is a symbolic link to /srv/home\n"
                          "/etc: is the system's there, and the jail has its own: passwd\n");
    CHECK(remedy(result, "/mnt") == "take it with --data /mnt=PATH");
    CHECK(remedy(result, "/var/log/web.log") == "copy it into the jail's data");
}

TEST_CASE("a link in place of /var or /etc is told, and an import goes on without it", "[flow][migrate]") {
    const Chroot chroot;
    fs::remove_all(chroot.root() / "etc");
    fs::create_directory_symlink("/usr/etc", chroot.root() / "etc");
    fs::rename(chroot.root() / "var", chroot.root() / "usr/var");
    fs::create_directory_symlink("usr/var", chroot.root() / "var");

    const CommandResult result = chroot.import({"--json", "--recipe", "web"});

    INFO(result.err);
    REQUIRE(result.status == 0);
    CHECK(taken(result) == "configuration /usr/pkg/etc/more/web.conf /usr/pkg/etc/more/web.conf\n");
    CHECK_THAT(left(result), ContainsSubstring("/var: is a symbolic link to usr/var\n"));
    CHECK_THAT(left(result), ContainsSubstring("/etc: is a symbolic link to /usr/etc\n"));
    CHECK_THAT(left(result), ContainsSubstring("/usr/var: is no data path of the recipe\n"));
}

TEST_CASE("what is mounted into a directory that is imported is told, of the same file system too",
          "[flow][migrate]") {
    const Chroot chroot;
    if (::geteuid() != 0 || test::run_in_shell(chroot.host(), "unshare -m true").status != 0) {
        WARN("nothing can be mounted here");
        return;
    }
    write(chroot.root() / "disk/file", "x");
    const std::vector<std::string> places = {"usr/pkg/etc/more", "usr/pkg/own", "var/db/web/disk",
                                             "srv/deep/disk"};
    std::string mounts;
    for (const std::string& place : places) {
        fs::create_directories(chroot.root() / place);
        mounts += " && mount --bind disk " + place;
    }
    const std::string script = "cd " + chroot.root().string() + " && unshare -m sh -c 'true" + mounts +
                               " && exec \"$PKGJAIL\" --state \"$STATE\" --config \"$ETC\" import --json "
                               "--no-start --from dir . site";

    const CommandResult dry = test::run_in_shell(chroot.host(), script + " -n'");
    const CommandResult result = test::run_in_shell(chroot.host(), script + "'");

    INFO(result.err);
    REQUIRE(result.status == 0);
    CHECK(left(result) == "/usr/pkg/etc/more: is a mount point\n"
                          "/usr/pkg/own: is a mount point\n"
                          "/disk: is no data path of the recipe\n"
                          "/srv: is no data path of the recipe\n"
                          "/etc: is the system's there, and the jail has its own: passwd\n"
                          "/var/db/web/disk: is a mount point\n");
    CHECK(left(dry) == left(result));
    CHECK(fs::is_empty(chroot.jail() / "data/var/db/web/disk"));
}

TEST_CASE("a recipe is chosen by what is installed, not by what was replaced", "[flow][migrate]") {
    const Chroot chroot;
    chroot.host().write_config(
        "recipes.d/other.recipe",
        "[recipe]\nsummary = a test\npackage = other\n[service]\ncommand = /bin/true\n");
    for (const char* wish : {"other", "other-2.0", "other>=1", "{other,absent}>=1"}) {
        INFO(wish);
        const CommandResult result = chroot.import({"-n", "--json", "--replace", std::string("web=") + wish});
        INFO(result.err);
        REQUIRE(result.status == 0);
        CHECK(result.json()["recipe"] == "other");
    }
}
