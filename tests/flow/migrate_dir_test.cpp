// import --from dir: what of the files in a root that was made by hand becomes the jail's, and what is told
// of the rest.
#include <filesystem>

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "flow/foreign_root.hpp"
#include "support/catch.hpp"
#include "support/host_steps.hpp"

using namespace pkgjail;
using test::add_foreign;
using test::check_fails;
using test::Chroot;
using test::CommandResult;
using test::foreign_web;
using test::left;
using test::package;
using test::remedy;
using test::Shop;
using test::taken;
using test::text_of;
using test::write_below;
namespace fs = std::filesystem;

TEST_CASE("a root made by hand becomes a jail with its packages, changes and data", "[flow][migrate]") {
    const Chroot chroot;
    write_below(chroot.prefix() / "etc/recipe.conf", "mine\n");
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
    write_below(chroot.root() / "var/db/web/program", "x");
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
    write_below(chroot.prefix() / "sbin/web", "changed");
    write_below(chroot.prefix() / "share/own/file", "mine");
    write_below(chroot.prefix() / "share/loose", "mine");
    write_below(chroot.prefix() / "etc/rc.d/web", "changed script");
    write_below(chroot.prefix() / "pkgdb/broken-1.0/+CONTENTS", "no packing list");
    write_below(chroot.root() / "var/log/web.log", "line");
    write_below(chroot.root() / "home/joe/file", "x");
    write_below(chroot.root() / "srv/site/index", "x");
    write_below(chroot.root() / "var/db/web/sub/x", "x");
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
    write_below(outside / "secret", "secret");
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

TEST_CASE("the state directory is not copied into itself", "[flow][migrate]") {
    const test::TempDir directory;
    const fs::path root = directory / "root";
    add_foreign(root / "usr/pkg", foreign_web("web-1.0"), false);
    fs::create_directories(root / "var/own");
    const Shop shop({foreign_web("web-1.1"), package("lib-1.0")});
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

TEST_CASE("data that go to a place within the recipe's data are there in the end", "[flow][migrate]") {
    const Chroot chroot;
    write_below(chroot.root() / "srv/uploads/file", "kept");
    write_below(chroot.root() / "srv/old/file", "old");
    write_below(chroot.root() / "var/db/web/old/file", "of the recipe's data");
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
        write_below(file, "x");
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
    write_below(chroot.prefix() / "var/db/web/rows", "of the prefix");
    write_below(chroot.prefix() / "var/spool/mail/joe", "x");
    write_below(chroot.prefix() / "own/pages/index", "x");
    write_below(chroot.prefix() / "own/other", "x");
    write_below(chroot.root() / "mnt/disk/file", "x");
    write_below(chroot.root() / "var/log/web.log", "line");
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
    write_below(chroot.root() / "disk/file", "x");
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
