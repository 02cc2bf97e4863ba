// The store where only root can build the case: owners, capabilities, devices, mounts, other users' files.
#include "support/catch.hpp"

#include <cstring>

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/store/jail_files.hpp"
#include "support/store_fixture.hpp"

using namespace pkgjail;
using namespace pkgjail::test;

namespace {

PackageSpec with_script(const std::string& pkgname) {
    PackageSpec spec = small_package(pkgname);
    spec.install_script = "#!/bin/sh\nexit 0\n# USER: svc:svcg\n# GROUP: svcg\n";
    return spec;
}

std::string owner(const base::Tree& tree, const char* path) {
    const auto entry = tree.stat(at(path));
    return std::to_string(entry->status.st_uid) + ":" + std::to_string(entry->status.st_gid);
}

/// As setcap cap_net_raw+ep would.
void give_capability(const base::HostPath& path) {
    struct {
        std::uint32_t magic = 0x02000001;
        std::uint32_t data[4] = {1u << 13, 0, 0, 0};
    } value;
    REQUIRE(::setxattr(path.c_str(), "security.capability", &value, sizeof value, 0) == 0);
}

bool has_capability(const base::HostPath& path) {
    return ::getxattr(path.c_str(), "security.capability", nullptr, 0) >= 0;
}

} // namespace

TEST_CASE("files belong to whom the archive names, by the numbers of this host", "[store][image][root]") {
    StoreFixture at_work;
    at_work.defaults.accounts.users["svc"] = 20000;
    at_work.defaults.accounts.groups["svcg"] = 20001;
    PackageSpec spec = with_script("svc-1.0");
    std::vector<TarMember> members = package_members(spec);
    members.back().user = "svc";
    members.back().group = "svcg";
    members.back().uid = 12345; // the builder's number means nothing
    members.back().gid = 12345;
    SECTION("names that a package declares") {}
    SECTION("a platform's group") {
        members.back().group = "wheel";
    }
    SECTION("names that nobody here has") {
        members.back().user = "alice";
        members.back().group = "";
    }
    const store::BuiltImage built = at_work.build_raw("svc-1.0", members);
    const std::string found = owner(at_work.image(built), "/tree/bin/svc");

    if (members.back().user == "alice") {
        CHECK(found == "0:0");
        CHECK(built.warnings ==
              std::vector<std::string>{"svc-1.0: files of unknown owner alice belong to root now",
                                       "svc-1.0: files of unknown owner gid 12345 belong to root now"});
    } else {
        CHECK(found == (members.back().group == "wheel" ? "20000:0" : "20000:20001"));
        CHECK(built.warnings.empty());
    }
    CHECK(owner(at_work.image(built), "/tree") == "0:0");
    CHECK(owner(at_work.image(built), "/tree/bin") == "0:0");
    CHECK(owner(at_work.image(built), "/tree/pkgdb/svc-1.0/+CONTENTS") == "0:0");
}

TEST_CASE("files that differ in owner are not linked", "[store][link][root]") {
    StoreFixture at_work;
    at_work.defaults.accounts.users["svc"] = 20000;
    const PackageSpec spec = small_package("a-1.0");
    const store::BuiltImage first = at_work.build({spec});
    at_work.equal_file = [&](const jail::ManifestEntry& entry) -> std::optional<base::HostPath> {
        return at_work.layout.image(first.id) / entry.path.relative();
    };
    std::vector<TarMember> members = package_members(spec);
    members.back().user = "svc";

    const store::BuiltImage second = at_work.build_raw("a-1.0", members);

    CHECK(at_work.image(first).stat(at("/tree/bin/a"))->status.st_ino !=
          at_work.image(second).stat(at("/tree/bin/a"))->status.st_ino);
}

TEST_CASE("a device that a script made is refused", "[store][script][hostile][root]") {
    StoreFixture at_work;
    at_work.defaults.accounts.users["svc"] = 20000;
    at_work.defaults.accounts.groups["svcg"] = 20000;
    const mode_t kind = GENERATE(mode_t{S_IFCHR}, mode_t{S_IFBLK});
    at_work.scripts.act = at_post_install("evil-1.0", [&](const store::RootParts& parts) {
        REQUIRE(::mknod((parts.tree / "bin/mem").c_str(), kind | 0666, makedev(1, 1)) == 0);
    });

    CHECK(at_work.outcome([&] { at_work.build({with_script("evil-1.0")}); }) ==
          "corrupt: /usr/pkg/bin/mem: a package's script made a device, FIFO or socket, which no image may "
          "hold");
    CHECK(at_work.is_clean());
}

TEST_CASE("capabilities that a script gives to a file follow the set-id policy", "[store][setid][root]") {
    StoreFixture at_work;
    at_work.defaults.accounts.users["svc"] = 20000;
    at_work.defaults.accounts.groups["svcg"] = 20000;
    at_work.scripts.act = at_post_install(
        "evil-1.0", [&](const store::RootParts& parts) { give_capability(parts.tree / "bin/evil"); });
    const auto build = [&] { return at_work.build({with_script("evil-1.0")}); };
    const auto program = [&](const store::BuiltImage& built) {
        return at_work.layout.image_tree(built.id) / "bin/evil";
    };

    SECTION("strip") {
        const store::BuiltImage built = build();
        CHECK(built.setid ==
              std::vector<std::string>{"/usr/pkg/bin/evil 0755 with capabilities a script: stripped"});
        CHECK_FALSE(has_capability(program(built)));
    }
    SECTION("keep") {
        at_work.defaults.setid = jail::SetidPolicy::keep;
        const store::BuiltImage built = build();
        CHECK(built.setid ==
              std::vector<std::string>{"/usr/pkg/bin/evil 0755 with capabilities a script: kept"});
        CHECK(has_capability(program(built)));
    }
    SECTION("refuse") {
        at_work.defaults.setid = jail::SetidPolicy::refuse;
        CHECK(at_work.outcome(build).find(
                  "denied: /usr/pkg/bin/evil: a script makes it a file with capabilities") == 0);
        CHECK(at_work.is_clean());
    }
}

TEST_CASE("files of a number that nobody here has are told of", "[store][script][root]") {
    StoreFixture at_work;
    at_work.defaults.accounts.users["svc"] = 20000;
    at_work.defaults.accounts.groups["svcg"] = 20000;
    at_work.scripts.act = at_post_install("evil-1.0", [&](const store::RootParts& parts) {
        for (const char* name : {"var/db/a", "var/db/b"}) {
            base::write_file_atomically(parts.data / name, "x");
            REQUIRE(::chown((parts.data / name).c_str(), 1000, 20000) == 0);
        }
        base::write_file_atomically(parts.data / "var/db/c", "x");
        REQUIRE(::chown((parts.data / "var/db/c").c_str(), 20000, 1000) == 0);
    });

    CHECK(at_work.build({with_script("evil-1.0")}).warnings ==
          std::vector<std::string>{"/var/db/c belongs to gid 1000, which is nobody's here",
                                   "/var/db/a and 1 more belong to uid 1000, which is nobody's here"});
}

TEST_CASE("a state directory of another user is refused", "[store][layout][root]") {
    TempDir dir;
    const store::Layout layout(dir / "state");
    layout.create();
    const base::HostPath whose = GENERATE(true, false) ? layout.state() : layout.jails();
    REQUIRE(::chown(whose.c_str(), 1000, 1000) == 0);

    for (const bool reading : {true, false})
        try {
            reading ? static_cast<void>(layout.check()) : layout.create();
            FAIL("was accepted");
        } catch (const base::Error& error) {
            CHECK(error.object() == whose.string());
            CHECK(error.cause() == "belongs to uid 1000, who could change what root relies on");
        }
}

TEST_CASE("a jail's files belong to whom the seed and the recipe say", "[store][jail][root]") {
    StoreFixture at_work;
    at_work.defaults.accounts.users["svc"] = 20000;
    at_work.defaults.accounts.groups["svcg"] = 20001;
    at_work.scripts.act = at_post_install("svc-1.0", [&](const store::RootParts& parts) {
        base::make_directories(parts.data / "var/db/svc", 0750);
        REQUIRE(::chown((parts.data / "var/db/svc").c_str(), 20000, 20001) == 0);
    });
    store::NewJail jail;
    jail.id = "aa01";
    jail.image_id = at_work.build({with_script("svc-1.0")}).id;
    jail.prefix = "/usr/pkg";
    jail::RenderedRecipe::File file;
    file.path = at("/etc/svc.conf");
    file.content = "x";
    file.mode = 0640;
    file.owner = "svc";
    file.group = "wheel";
    jail.files = {file};

    store::create_jail(at_work.layout, jail);

    CHECK(owner(base::Tree::open(at_work.layout.jail_data("aa01")), "/var/db/svc") == "20000:20001");
    CHECK(owner(base::Tree::open(at_work.layout.jail_config("aa01", 1)), "/etc/svc.conf") == "20000:0");

    // A directory that has gone comes back with its owner.
    base::Tree::open(at_work.layout.jail_data("aa01")).remove_all(at("/var/db/svc"));
    store::extend_generation(at_work.layout, "aa01",
                             {1, 2, jail.image_id, jail.image_id, "/usr/pkg", jail.files});
    CHECK(owner(base::Tree::open(at_work.layout.jail_data("aa01")), "/var/db/svc") == "20000:20001");
    CHECK(owner(base::Tree::open(at_work.layout.jail_config("aa01", 2)), "/etc/svc.conf") == "20000:0");
}

TEST_CASE("a jail with something mounted in it is not removed, and nothing of it is", "[store][jail][root]") {
    StoreFixture at_work;
    store::NewJail jail;
    jail.id = "aa01";
    jail.image_id = at_work.build({small_package("foo-1.0")}).id;
    jail.prefix = "/usr/pkg";
    store::create_jail(at_work.layout, jail);
    const base::HostPath mount_point = at_work.layout.jail_data("aa01") / "var/db";
    REQUIRE(::mount("tmpfs", mount_point.c_str(), "tmpfs", 0, "size=1m") == 0);
    base::write_file_atomically(mount_point / "precious", "x");

    const bool keep_data = GENERATE(true, false);
    const std::string outcome = at_work.outcome([&] {
        if (keep_data)
            store::remove_jail_but_data(at_work.layout, "aa01", [] {});
        else
            store::remove_jail(at_work.layout, "aa01");
    });
    const std::string left = at_work.left_in(at_work.layout.jail("aa01"));
    const bool precious = std::filesystem::exists(mount_point / "precious");
    // A sweep that meets the same goes on with the rest.
    base::make_directories(at_work.layout.images() / "new-0123", 0700);
    const store::Swept swept = store::sweep(
        at_work.layout, {[](const std::string&) { return true; }, [](const std::string&) { return false; }});
    const bool still_precious = std::filesystem::exists(mount_point / "precious");
    ::umount2(mount_point.c_str(), MNT_DETACH);

    CHECK(outcome.find("busy: ") == 0);
    CHECK(outcome.find(mount_point.string() + " is still mounted") != std::string::npos);
    CHECK(left == "config\ndata\njail.json\nroot\nuncommitted\n");
    CHECK(precious);
    CHECK(swept.removed == std::vector<std::string>{"half-built or half-removed image new-0123"});
    REQUIRE(swept.failed.size() == 1);
    CHECK(swept.failed[0].find("aa01: ") == 0);
    CHECK(still_precious);
}
