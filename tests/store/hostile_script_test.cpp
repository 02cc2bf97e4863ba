// Package scripts that turn against the image while it is built. The fake runner does from the host what root
// in the build jail could do to the tree and the seed.
#include "support/catch.hpp"

#include <filesystem>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/store/scan.hpp"
#include "support/store_fixture.hpp"

using namespace pkgjail;
using namespace pkgjail::test;
namespace fs = std::filesystem;

namespace {

PackageSpec with_script(const std::string& pkgname) {
    PackageSpec spec = small_package(pkgname);
    spec.install_script = "#!/bin/sh\nexit 0\n";
    return spec;
}

using Deed = std::function<void(const store::RootParts&)>;

/// What building evil-1.0 and then late-1.0 gives when evil's POST-INSTALL does `deed`.
std::string outcome_of_deed(StoreFixture& at_work, const Deed& deed) {
    at_work.scripts.act = at_post_install("evil-1.0", deed);
    PackageSpec late = small_package("late-1.0");
    late.files.push_back({"lib/late/file", "late", 0644});
    late.files.push_back({"etc/late.conf", "late", 0644});
    return at_work.outcome([&] { at_work.build({with_script("evil-1.0"), late}); });
}

void make_socket(const fs::path& path) {
    const fs::path before = fs::current_path();
    fs::current_path(path.parent_path()); // a socket's address is short
    base::Fd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
    struct sockaddr_un address {};
    address.sun_family = AF_UNIX;
    path.filename().string().copy(address.sun_path, sizeof address.sun_path - 1);
    const int bound = ::bind(socket.get(), reinterpret_cast<struct sockaddr*>(&address), sizeof address);
    fs::current_path(before);
    REQUIRE(bound == 0);
}

} // namespace

TEST_CASE("scripts run before and after the files, with a clean environment, in one build jail",
          "[store][script]") {
    StoreFixture at_work;
    PackageSpec plain = small_package("plain-1.0"), one = with_script("one-1.0"),
                two = with_script("two-2.0");
    two.exec = {"echo %D"};
    at_work.scripts.act = [&](const store::ScriptRunner::Script& script, const store::RootParts& parts) {
        if (script.pkgname == "one-1.0")
            CHECK(fs::exists(parts.tree / "bin/one") == (script.argv.back() == "POST-INSTALL"));
        CHECK(fs::exists(parts.tree / "bin/plain"));
        CHECK(parts.tree_writable);
        CHECK(at_work.scripts.open_jails == 1);
        return base::Exit{};
    };

    at_work.equal_file = [&](const jail::ManifestEntry&) -> std::optional<base::HostPath> {
        CHECK(at_work.scripts.open_jails == 0); // nobody is left who could change what is being looked at
        return std::nullopt;
    };

    at_work.build({plain, one, two});

    CHECK(at_work.scripts.calls ==
          std::vector<std::string>{"one-1.0: /usr/pkg/pkgdb/one-1.0/+INSTALL one-1.0 PRE-INSTALL",
                                   "one-1.0: /usr/pkg/pkgdb/one-1.0/+INSTALL one-1.0 POST-INSTALL",
                                   "two-2.0: /usr/pkg/pkgdb/two-2.0/+INSTALL two-2.0 PRE-INSTALL",
                                   "two-2.0: /bin/sh -c echo '/usr/pkg'",
                                   "two-2.0: /usr/pkg/pkgdb/two-2.0/+INSTALL two-2.0 POST-INSTALL"});
    CHECK(at_work.scripts.made_jails == 1);
    CHECK(at_work.scripts.open_jails == 0);
    CHECK(at_work.scripts.environments[0] ==
          std::map<std::string, std::string>{
              {"HOME", "/"},
              {"LC_ALL", "C"},
              {"PATH", "/sbin:/bin:/usr/sbin:/usr/bin:/usr/pkg/sbin:/usr/pkg/bin"},
              {"PKG_CONFIG", "YES"},
              {"PKG_CONFIG_PERMS", "NO"},
              {"PKG_CREATE_USERGROUP", "YES"},
              {"PKG_DBDIR", "/usr/pkg/pkgdb"},
              {"PKG_METADATA_DIR", "/usr/pkg/pkgdb/one-1.0"},
              {"PKG_PREFIX", "/usr/pkg"},
              {"PKG_RCD_SCRIPTS", "YES"},
              {"PKG_REFCOUNT_DBDIR", "/usr/pkg/pkgdb.refcount"},
              {"PKG_REGISTER_SHELLS", "NO"}});
}

TEST_CASE("what scripts make of the seed is in the image", "[store][script]") {
    StoreFixture at_work;
    at_work.scripts.act = at_post_install("svc-1.0", [](const store::RootParts& parts) {
        fs::create_directories(parts.data / "var/db/svc");
        base::write_file_atomically(parts.config / "etc/rc.d/svc", "rc", 0755);
        base::write_file_atomically(parts.config / "usr/pkg/etc/svc.conf", "conf", 0644);
    });

    const store::BuiltImage built = at_work.build({with_script("svc-1.0")});

    CHECK(show(built.manifest, "/seed/config/etc/rc.d/svc") == "f 0755 2 - /seed/config/etc/rc.d/svc\n");
    CHECK(show(built.manifest, "/seed/config/usr/pkg/etc/svc.conf") ==
          "f 0644 4 - /seed/config/usr/pkg/etc/svc.conf\n");
    CHECK(show(built.manifest, "/seed/data/var/db/svc") == "d 0755 0 - /seed/data/var/db/svc\n");
}

TEST_CASE("a script that fails leaves nothing in the store", "[store][script]") {
    StoreFixture at_work;
    const std::string stage = GENERATE("PRE-INSTALL", "POST-INSTALL");
    at_work.scripts.act = [&](const store::ScriptRunner::Script& script, const store::RootParts&) {
        return script.argv.back() == stage ? exit_with(3) : base::Exit{};
    };

    CHECK(at_work.outcome([&] { at_work.build({with_script("bad-1.0")}); }) ==
          "unhealthy: install bad-1.0: bad-1.0: +INSTALL " + stage + " failed: exit status 3");
    CHECK(at_work.is_clean());
}

TEST_CASE("a script that takes too long, or a build jail that fails, leaves nothing in the store",
          "[store][script]") {
    StoreFixture at_work;
    at_work.scripts.act = [](const store::ScriptRunner::Script& script,
                             const store::RootParts&) -> base::Exit {
        throw base::Error(base::ErrorKind::unhealthy, script.pkgname, "its script did not end within 5 s");
    };

    CHECK(at_work.outcome([&] { at_work.build({with_script("slow-1.0")}); }) ==
          "unhealthy: install slow-1.0: slow-1.0: its script did not end within 5 s");
    CHECK(at_work.is_clean());
}

TEST_CASE("an @exec that fails is a warning", "[store][script]") {
    StoreFixture at_work;
    PackageSpec spec = small_package("foo-1.0");
    spec.exec = {"false"};
    at_work.scripts.act = [](const store::ScriptRunner::Script&, const store::RootParts&) {
        return exit_with(1);
    };

    CHECK(at_work.build({spec}).warnings == std::vector<std::string>{"foo-1.0: @exec failed: exit status 1"});
}

TEST_CASE("without permission for scripts a package that has any is refused", "[store][script]") {
    StoreFixture at_work;
    at_work.defaults.run_scripts = false;
    PackageSpec exec = small_package("exec-1.0");
    exec.exec = {"true"};

    CHECK(at_work.outcome([&] { at_work.build({with_script("foo-1.0")}); }) ==
          "denied: install foo-1.0: foo-1.0: has installation scripts, and pkgjail.conf says `scripts = no`");
    CHECK(at_work.outcome([&] { at_work.build({exec}); }).find("denied: ") == 0);
    CHECK(at_work.outcome([&] { at_work.build({small_package("quiet-1.0")}); }) == "built");
    CHECK(at_work.scripts.calls.empty());
}

TEST_CASE("what no image may hold is refused wherever a script made it", "[store][script][hostile]") {
    StoreFixture at_work;
    const bool in_tree = GENERATE(true, false);
    const std::string shown = in_tree ? "/usr/pkg/bin/x" : "/var/db/x";
    const auto place = [&](const store::RootParts& parts) {
        return in_tree ? parts.tree / "bin/x" : parts.data / "var/db/x";
    };
    std::string expected =
        "corrupt: " + shown + ": a package's script made a device, FIFO or socket, which no image may hold";
    Deed deed;
    SECTION("a FIFO") {
        deed = [&](const auto& parts) { REQUIRE(::mkfifo(place(parts).c_str(), 0666) == 0); };
    }
    SECTION("a socket") {
        deed = [&](const auto& parts) { make_socket(place(parts)); };
    }
    SECTION("a hard link to a file outside") {
        // (The build jail cannot make one: what it sees of the host are other mounts.)
        base::write_file_atomically(at_work.dir_ / "outside", "outside");
        deed = [&](const auto& parts) { fs::create_hard_link(at_work.dir_ / "outside", place(parts)); };
        expected = "corrupt: " + shown + ": has 2 hard links, 1 of them outside the image";
    }
    SECTION("a name with a newline") {
        deed = [&](const auto& parts) { base::write_file_atomically(place(parts).string() + "\ny", "x"); };
        expected = "corrupt: " + shown +
                   "\ny: a package's script gave it a name that no image may hold: it has a control "
                   "character in its name";
    }

    const std::string outcome = outcome_of_deed(at_work, deed);

    CHECK(outcome == expected);
    CHECK(at_work.is_clean());
}

TEST_CASE("a hard link that a script makes within the image is fine", "[store][script]") {
    StoreFixture at_work;

    CHECK(outcome_of_deed(at_work, [](const store::RootParts& parts) {
              fs::create_hard_link(parts.tree / "bin/evil", parts.tree / "bin/again");
          }) == "built");
}

TEST_CASE("a link in the place of a directory leads nobody out of the image", "[store][script][hostile]") {
    StoreFixture at_work;
    const ScopedVariable walk("PKGJAIL_NO_OPENAT2", GENERATE(false, true) ? "1" : nullptr);
    const auto replace = [&](const fs::path& path) {
        fs::remove_all(path);
        fs::create_directory_symlink(at_work.canary(), path);
    };
    std::string outcome;
    SECTION("of the next package's files") {
        outcome = outcome_of_deed(at_work, [&](const auto& parts) { replace(parts.tree / "lib"); });
        CHECK(outcome.find("passes through a symbolic link") != std::string::npos);
    }
    SECTION("deeper down") {
        outcome = outcome_of_deed(at_work, [&](const auto& parts) {
            fs::create_directory(parts.tree / "lib");
            replace(parts.tree / "lib/late");
        });
        CHECK(outcome.find("passes through a symbolic link") != std::string::npos);
    }
    SECTION("of PREFIX/etc") {
        outcome = outcome_of_deed(at_work, [&](const auto& parts) { replace(parts.config / "usr/pkg/etc"); });
        CHECK(outcome.find("passes through a symbolic link") != std::string::npos);
    }
    SECTION("of the package database") {
        outcome = outcome_of_deed(at_work, [&](const auto& parts) { replace(parts.tree / "pkgdb"); });
        CHECK(outcome.find("passes through a symbolic link") != std::string::npos);
    }
    SECTION("of the next package's entry in it") {
        outcome =
            outcome_of_deed(at_work, [&](const auto& parts) { replace(parts.tree / "pkgdb/late-1.0"); });
        CHECK(outcome == "conflict: install late-1.0: late-1.0: the package database has an entry for it "
                         "before it is installed");
    }
    CHECK(outcome != "built");
    CHECK(at_work.is_clean());
}

TEST_CASE("a directory that a script removed is made again for the next package", "[store][script]") {
    StoreFixture at_work;

    CHECK(outcome_of_deed(at_work, [](const store::RootParts& parts) {
              fs::remove_all(parts.tree / "bin");
              fs::remove_all(parts.config / "usr");
          }) == "built");
}

TEST_CASE("a link in the seed stays a link: nothing is written through it", "[store][script][hostile]") {
    StoreFixture at_work;
    const std::string outcome = outcome_of_deed(at_work, [&](const store::RootParts& parts) {
        fs::remove_all(parts.config / "etc");
        fs::create_directory_symlink(at_work.canary(), parts.config / "etc");
        fs::remove_all(parts.data / "var");
        fs::create_directory_symlink(at_work.canary(), parts.data / "var");
    });

    CHECK(outcome == "built");
    CHECK(at_work.canary_is_intact());
}

TEST_CASE("a script cannot change the package database", "[store][script][hostile]") {
    StoreFixture at_work;
    Deed deed;
    std::string expected;
    SECTION("remove it") {
        deed = [](const auto& parts) { fs::remove_all(parts.tree / "pkgdb"); };
        expected = "corrupt: evil-1.0: a package's script removed it from the package database";
    }
    SECTION("remove its own entry") {
        deed = [](const auto& parts) { fs::remove_all(parts.tree / "pkgdb/evil-1.0"); };
        expected = "corrupt: evil-1.0: a package's script removed it from the package database";
    }
    SECTION("rewrite another list") {
        deed = [](const auto& parts) {
            base::write_file_atomically(parts.tree / "pkgdb/evil-1.0/+CONTENTS", "@name innocent-1.0\n");
        };
        expected = "corrupt: /usr/pkg/pkgdb/evil-1.0/+CONTENTS: a package's script changed or removed it; it "
                   "belongs to the package database";
    }
    SECTION("make a link of a member") {
        deed = [](const auto& parts) {
            fs::rename(parts.tree / "pkgdb/evil-1.0/+DESC", parts.tree / "desc");
            fs::create_symlink("../../desc", parts.tree / "pkgdb/evil-1.0/+DESC");
        };
        expected = "corrupt: /usr/pkg/pkgdb/evil-1.0/+DESC: a package's script changed or removed it; it "
                   "belongs to the package database";
    }

    CHECK(outcome_of_deed(at_work, deed) == expected);
    CHECK(at_work.is_clean());
}

TEST_CASE("helpers that a script unpacks into its database entry stay", "[store][script]") {
    StoreFixture at_work;
    at_work.scripts.act = at_post_install("foo-1.0", [](const store::RootParts& parts) {
        base::write_file_atomically(parts.tree / "pkgdb/foo-1.0/+FILES", "#!/bin/sh\n", 0755);
    });

    CHECK(show(at_work.build({with_script("foo-1.0")}).manifest, "/tree/pkgdb/foo-1.0/+FILES") ==
          "f 0755 10 - /tree/pkgdb/foo-1.0/+FILES\n");
}

TEST_CASE("a file that a script made first is replaced, and said; a directory is a conflict",
          "[store][script]") {
    StoreFixture at_work;

    SECTION("a file") {
        at_work.scripts.act = at_post_install("evil-1.0", [&](const store::RootParts& parts) {
            fs::create_symlink(at_work.canary() / "file", parts.tree / "bin/late");
        });
        const store::BuiltImage built = at_work.build({with_script("evil-1.0"), small_package("late-1.0")});
        CHECK(built.warnings ==
              std::vector<std::string>{"late-1.0: replaced /usr/pkg/bin/late, which a script had made"});
        CHECK(show(built.manifest, "/tree/bin/late") == "f 0755 13 late-1.0 /tree/bin/late\n");
        CHECK(at_work.canary_is_intact());
    }
    SECTION("a directory") {
        CHECK(outcome_of_deed(
                  at_work,
                  [](const store::RootParts& parts) { fs::create_directories(parts.tree / "bin/late/x"); }) ==
              "conflict: install late-1.0: /usr/pkg/bin/late: a script made a directory where late-1.0 "
              "has a file or link");
        CHECK(at_work.is_clean());
    }
}

TEST_CASE("set-id bits that a script sets follow the policy, and are listed once", "[store][setid][script]") {
    StoreFixture at_work;
    PackageSpec evil = with_script("evil-1.0");
    evil.files.push_back({"bin/su", "su", 04755});
    at_work.scripts.act = at_post_install("evil-1.0", [](const store::RootParts& parts) {
        REQUIRE(::chmod((parts.tree / "bin/evil").c_str(), 02711) == 0);
        REQUIRE(::chmod((parts.tree / "bin/su").c_str(), 04711) == 0);
    });

    SECTION("strip") {
        const store::BuiltImage built = at_work.build({evil});
        CHECK(built.setid == std::vector<std::string>{"/usr/pkg/bin/evil 2711 a script: stripped",
                                                      "/usr/pkg/bin/su 4755 evil-1.0: stripped"});
        CHECK(at_work.image(built).stat(at("/tree/bin/evil"))->permissions() == 0711);
        CHECK(at_work.image(built).stat(at("/tree/bin/su"))->permissions() == 0711);
    }
    SECTION("keep") {
        at_work.defaults.setid = jail::SetidPolicy::keep;
        const store::BuiltImage built = at_work.build({evil});
        CHECK(built.setid == std::vector<std::string>{"/usr/pkg/bin/evil 2711 a script: kept",
                                                      "/usr/pkg/bin/su 4755 evil-1.0: kept"});
        CHECK(at_work.image(built).stat(at("/tree/bin/su"))->permissions() == 04711);
    }
    SECTION("refuse") {
        at_work.defaults.setid = jail::SetidPolicy::refuse;
        evil.files.pop_back();
        at_work.scripts.act = at_post_install("evil-1.0", [](const store::RootParts& parts) {
            REQUIRE(::chmod((parts.tree / "bin/evil").c_str(), 02711) == 0);
        });
        CHECK(at_work.outcome([&] { at_work.build({evil}); }) ==
              "denied: /usr/pkg/bin/evil: a script makes it a file set-id (mode 2711), and pkgjail.conf says "
              "`setid = refuse`");
        CHECK(at_work.is_clean());
    }
}

TEST_CASE("the directory at the prefix is root's, whatever a script did to it", "[store][script]") {
    StoreFixture at_work;
    at_work.scripts.act = at_post_install(
        "evil-1.0", [](const store::RootParts& parts) { REQUIRE(::chmod(parts.tree.c_str(), 0777) == 0); });

    const store::BuiltImage built = at_work.build({with_script("evil-1.0")});

    CHECK(at_work.image(built).stat(at("/tree"))->permissions() == 0755);
}

TEST_CASE("a scan stops at its limits", "[store][hostile]") {
    TempDir dir;
    const base::Tree staging = base::Tree::open(dir.path());
    staging.make_directories(at("/tree/a"));
    staging.make_directories(at("/seed"));
    const base::Fd sparse = staging.create_file(at("/tree/sparse"));
    REQUIRE(::ftruncate(sparse.get(), off_t{1} << 40) == 0);
    store::ScanRules rules;
    rules.prefix = "/usr/pkg";
    const auto outcome = [&] { return outcome_of([&] { store::scan(staging, rules, {}); }); };

    CHECK(outcome() == "corrupt: with it the image has more than 274877906944 bytes");
    staging.remove_file(at("/tree/sparse"));
    CHECK(outcome() == "done");
    rules.limits.max_entries = 0;
    CHECK(outcome() == "corrupt: more than 0 files and directories");
}

TEST_CASE("a damaged declaration in +INSTALL names the package", "[store][script]") {
    StoreFixture at_work;
    PackageSpec spec = with_script("bad-1.0");
    spec.install_script = "#!/bin/sh\nexit 0\n# USER: root:x:y:z:a:b:c:d:e\n";

    CHECK(at_work.outcome([&] { at_work.build({spec}); }).find("corrupt: read +INSTALL of bad-1.0: ") == 0);
    CHECK(at_work.is_clean());
}
