// import --from dir: which packages and which recipe a root that was made by hand asks for, what is wrong
// with a request, and what is left of one that was killed.
#include <algorithm>
#include <filesystem>

#include "flow/foreign_root.hpp"
#include "support/catch.hpp"
#include "support/host_steps.hpp"

using namespace pkgjail;
using test::add_foreign;
using test::check_fails;
using test::Chroot;
using test::CommandResult;
using test::left;
using test::package;
using test::text_of;
namespace fs = std::filesystem;

TEST_CASE("packages that are not offered end an import, unless others are named", "[flow][migrate]") {
    const Chroot chroot;
    add_foreign(chroot.prefix(), package("old-3.0"), false);

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
    add_foreign(chroot.prefix(), package("zold-3.0"), false);
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

TEST_CASE("a name that would be a pattern is told, and asks for nothing", "[flow][migrate]") {
    const Chroot chroot;
    for (const char* name : {"{lib,other}-1", "[a-z]*-1", "other<3-1"})
        add_foreign(chroot.prefix(), package(name), false);

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

TEST_CASE("a name in a directory never becomes a file of the current directory", "[flow][migrate]") {
    const Chroot chroot;
    add_foreign(chroot.prefix(), package("evil.tgz-1"), false);
    test::write_bytes(chroot.root() / "evil.tgz", test::package_bytes(package("evil-1.0")));
    const auto import_there = [&](const std::string& more) {
        return test::run_in_shell(chroot.host(), "cd " + chroot.root().string() +
                                                     " && pkgjail import --no-start --from dir . site" +
                                                     more);
    };

    const CommandResult result = import_there("");
    const CommandResult replaced = import_there(" --replace evil.tgz=./evil.tgz");

    CHECK(result.status == 5);
    CHECK_THAT(result.err, ContainsSubstring("evil.tgz"));
    CHECK_THAT(result.err, ContainsSubstring("--replace NAME=PATTERN"));
    CHECK(replaced.status == 5);
    CHECK(chroot.host().run({"list", "--json"}).json()["jails"].empty());
}
