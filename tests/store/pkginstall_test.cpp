#include "pkgjail/store/pkginstall.hpp"

#include "pkgjail/base/digest.hpp"

#include "support/catch.hpp"
#include "support/framework_script.hpp"
#include "support/store_fixture.hpp"

using namespace pkgjail;
using namespace pkgjail::test;

// That this is what the scripts themselves do is for tests/system/pkginstall_test.cpp.
namespace {

PackageSpec with_data(const std::string& pkgname, const std::string& data) {
    PackageSpec spec = small_package(pkgname);
    spec.files.push_back({"share/examples/svc.conf", "port = 1\n", 0755});
    spec.install_script = framework_script(data);
    return spec;
}

/// A known script, and one that declines at the stage at which the fake was called.
std::string calls(const std::string& data) {
    StoreFixture at_work;
    at_work.defaults.accounts.users["svc"] = 20000;
    at_work.defaults.accounts.groups["svcg"] = 20001;
    PackageSpec spec = with_data("svc-1.0", data);
    spec.symlinks.push_back({"share/link", "examples"});
    spec.symlinks.push_back({"share/examples/link.conf", "svc.conf"});
    at_work.build({spec});
    std::string text;
    for (const std::string& call : at_work.scripts.calls)
        text += (text.empty() ? "" : " ") + call.substr(call.rfind(' ') + 1);
    return text;
}

} // namespace

TEST_CASE("a framework's script is not run, and what it would do is done", "[store][pkginstall]") {
    StoreFixture at_work;
    at_work.defaults.accounts.users["svc"] = 20000;
    at_work.defaults.accounts.groups["svcg"] = 20001;
    const store::BuiltImage built = at_work.build({with_data(
        "svc-1.0", "GROUP: svcg\nUSER: svc:svcg\nDIR: etc/svc m\nDIR: /var/db/svc mo 0750 root svcg\n"
                   "DIR: /var/log m\n"
                   "FILE: etc/svc/svc.conf c share/examples/svc.conf 0640\n"
                   "FILE: etc/svc/as-it-is c share/examples/svc.conf\n"
                   "FILE: etc/svc/empty c /dev/null 0644\n"
                   "FILE: /etc/rc.d/svc cr share/examples/none 0755\n"
                   "FILE: /etc/hosts c share/examples/svc.conf 0600\n"
                   "PERMS: bin/svc 0711 root wheel\nPERMS: bin/none 0711 root wheel\n")});

    CHECK(at_work.scripts.calls.empty());
    CHECK(at_work.scripts.made_jails == 0);
    CHECK(show(built.manifest, "/tree/bin") == "d 0755 0 - /tree/bin\nf 0711 12 svc-1.0 /tree/bin/svc\n");
    CHECK(show(built.manifest, "/seed/config/usr/pkg") ==
          "d 0755 0 - /seed/config/usr/pkg\n"
          "d 0755 0 - /seed/config/usr/pkg/etc\n"
          "d 0755 0 - /seed/config/usr/pkg/etc/svc\n"
          "f 0755 9 - /seed/config/usr/pkg/etc/svc/as-it-is\n"
          "f 0644 0 - /seed/config/usr/pkg/etc/svc/empty\n"
          "f 0640 9 - /seed/config/usr/pkg/etc/svc/svc.conf\n");
    CHECK(show(built.manifest, "/seed/data/var/db") == "d 0755 0 - /seed/data/var/db\n"
                                                       "d 0750 0 - /seed/data/var/db/svc\n");
    std::string counts;
    for (const jail::ManifestEntry& entry : built.manifest.entries)
        if (entry.type == jail::EntryType::file &&
            entry.path.is_within(base::RootPath::parse("/tree/pkgdb.refcount")))
            counts += entry.path.below(base::RootPath::parse("/tree/pkgdb.refcount")).str() + " " +
                      at_work.image(built).read(entry.path);
    CHECK(counts == "/dirs/usr/pkg/etc/svc/svc-1.0 /usr/pkg/pkgdb/svc-1.0\n"
                    "/dirs/var/db/svc/+PERMISSIONS root svcg 0750\n"
                    "/dirs/var/db/svc/svc-1.0 /usr/pkg/pkgdb/svc-1.0\n"
                    "/dirs/var/log/+PREEXISTING svc-1.0\n"
                    "/dirs/var/log/svc-1.0 /usr/pkg/pkgdb/svc-1.0\n"
                    "/files/etc/hosts/+PERMISSIONS 0600  \n"
                    "/files/etc/hosts/+PREEXISTING svc-1.0\n"
                    "/files/etc/hosts/svc-1.0 /usr/pkg/pkgdb/svc-1.0\n"
                    "/files/etc/rc.d/svc/+PERMISSIONS 0755  \n"
                    "/files/etc/rc.d/svc/svc-1.0 /usr/pkg/pkgdb/svc-1.0\n"
                    "/files/usr/pkg/etc/svc/as-it-is/svc-1.0 /usr/pkg/pkgdb/svc-1.0\n"
                    "/files/usr/pkg/etc/svc/empty/+PERMISSIONS 0644  \n"
                    "/files/usr/pkg/etc/svc/empty/svc-1.0 /usr/pkg/pkgdb/svc-1.0\n"
                    "/files/usr/pkg/etc/svc/svc.conf/+PERMISSIONS 0640  \n"
                    "/files/usr/pkg/etc/svc/svc.conf/svc-1.0 /usr/pkg/pkgdb/svc-1.0\n"
                    "/groups/svcg/+PREEXISTING svc-1.0\n"
                    "/groups/svcg/svc-1.0 /usr/pkg/pkgdb/svc-1.0\n"
                    "/users/svc/+PREEXISTING svc-1.0\n"
                    "/users/svc/svc-1.0 /usr/pkg/pkgdb/svc-1.0\n");
    CHECK(show(built.manifest, "/tree/pkgdb/svc-1.0").find("f 0755 ") != std::string::npos);
}

TEST_CASE("a stage that asks for something unusual is run, the other one is not", "[store][pkginstall]") {
    CHECK(calls("DIR: etc/svc m\nFILE: etc/svc/a c share/examples/svc.conf 0644\n").empty());
    // Places that are no part of the image, or end with the build jail.
    CHECK(calls("DIR: /var/run/svc m\n") == "PRE-INSTALL");
    CHECK(calls("DIR: /tmp/svc m\n") == "PRE-INSTALL");
    CHECK(calls("DIR: /usr/lib/svc m\n") == "PRE-INSTALL");
    CHECK(calls("DIR: pkgdb/own m\n") == "PRE-INSTALL");
    CHECK(calls("DIR: /usr/pkg m\n") == "PRE-INSTALL");
    // Names that a shell would not take as they stand.
    CHECK(calls("DIR: etc/a* m\n") == "PRE-INSTALL");
    CHECK(calls("DIR: etc/../../x m\n") == "PRE-INSTALL");
    CHECK(calls("DIR: etc//x m\n") == "PRE-INSTALL");
    CHECK(calls("DIR: etc/x/ m\n") == "PRE-INSTALL");
    CHECK(calls("DIR: etc/$x m\n") == "PRE-INSTALL");
    CHECK(calls("DIR: etc/" + std::string(300, 'x') + " m\n") == "PRE-INSTALL");
    // What could be mistaken for a token.
    CHECK(calls("DIR: etc/svc-1.0/x m\n") == "PRE-INSTALL");
    // A file where a directory is wanted, links, an owner that nobody is.
    CHECK(calls("DIR: /etc/hosts/x m\n") == "PRE-INSTALL");
    CHECK(calls("DIR: etc/svc m 0755 nosuch svcg\n") == "PRE-INSTALL");
    CHECK(calls("FILE: share/link/x c share/examples/svc.conf 0644\n") == "POST-INSTALL");
    CHECK(calls("FILE: etc/x c share/link/svc.conf 0644\n") == "POST-INSTALL");
    CHECK(calls("FILE: etc/x c share/examples/link.conf 0644\n") == "POST-INSTALL");
    CHECK(calls("FILE: etc/none/x c share/examples/svc.conf 0644\n") == "POST-INSTALL");
    CHECK(calls("PERMS: share/examples/link.conf 0711 root wheel\n") == "POST-INSTALL");
    // What other programs have to do.
    CHECK(calls("INFO: info/svc.info\n") == "PRE-INSTALL POST-INSTALL");
    CHECK(calls("FONTS: share/fonts/svc x11\n") == "PRE-INSTALL POST-INSTALL");
    CHECK(calls("ICON_THEME: svc\n") == "PRE-INSTALL POST-INSTALL");
    CHECK(calls("OCAML_FINDLIB: lib/ocaml/site-lib/svc\n") == "PRE-INSTALL POST-INSTALL");
    CHECK(calls("DIR: etc/svc m\nINFO: info/svc.info\n") == "PRE-INSTALL POST-INSTALL");
    // An account with another number than the package asks for.
    CHECK(calls("GROUP: svcg:77\nUSER: svc:svcg\n") == "PRE-INSTALL");
    CHECK(calls("GROUP: svcg\nUSER: svc:svcg:77\n") == "PRE-INSTALL");
}

TEST_CASE("pkgjail.conf can have every script run, or none", "[store][pkginstall]") {
    StoreFixture at_work;
    PackageSpec known = with_data("known-1.0", "DIR: etc/known m\n");
    PackageSpec own = with_data("own-1.0", "DIR: etc/own m\n");
    own.files.pop_back(); // the other one has it
    own.install_script.replace(own.install_script.rfind("exit 0"), 6, "id");

    SECTION("by default the known one is not run") {
        at_work.build({known, own});
        CHECK(at_work.scripts.calls.size() == 2);
        CHECK(at_work.scripts.calls[0] == "own-1.0: /usr/pkg/pkgdb/own-1.0/+INSTALL own-1.0 PRE-INSTALL");
    }
    SECTION("every one") {
        at_work.defaults.run_known_scripts = true;
        at_work.build({known, own});
        CHECK(at_work.scripts.calls.size() == 4);
    }
    SECTION("none: only packages that need none are installed") {
        at_work.defaults.run_scripts = false;
        CHECK(at_work.outcome([&] { at_work.build({known}); }) == "built");
        CHECK(at_work.outcome([&] { at_work.build({own}); }).find("own-1.0: has installation scripts") !=
              std::string::npos);
        CHECK(at_work.outcome([&] { at_work.build({with_data("odd-1.0", "DIR: /var/run/x m\n")}); })
                  .find("odd-1.0: has installation scripts") != std::string::npos);
        CHECK(at_work.scripts.calls.empty());
    }
}

TEST_CASE("what a script may have touched is read again, what it cannot have is not", "[store][pkginstall]") {
    StoreFixture at_work;
    PackageSpec first = small_package("first-1.0");
    PackageSpec own = small_package("own-1.0");
    own.install_script = "#!/bin/sh\nexit 0\n";
    PackageSpec last = small_package("last-1.0");
    at_work.scripts.act = at_post_install("own-1.0", [](const store::RootParts& parts) {
        write_bytes(parts.tree / "bin" / "first", "changed");
        write_bytes(parts.tree / "bin" / "own", "changed too");
    });
    const store::BuiltImage built = at_work.build({first, own, last});
    for (const jail::ManifestEntry& entry : built.manifest.entries)
        if (entry.type == jail::EntryType::file) {
            INFO(entry.path.str());
            CHECK(entry.sha256 == base::sha256(at_work.image(built).read(entry.path)));
        }
}
