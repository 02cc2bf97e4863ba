// autoremove, files, which, why, verify: jails without a service, whose images need no scripts.
#include <fstream>

#include <sys/stat.h>

#include "flow/flow.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::check_fails;
using test::CommandResult;
using test::Host;
using test::package;
using test::Shop;

namespace {

/// site needs app, app needs lib; tool stands alone.
Shop shop() {
    return Shop({package("site-3.1", {"app>=1"}), package("app-1.0", {"lib>=1"}), package("lib-1.2"),
                 package("tool-2.0")});
}

void install(const Host& host, const std::vector<std::string>& packages, const std::string& jail) {
    std::vector<std::string> command = {"install"};
    command.insert(command.end(), packages.begin(), packages.end());
    command.insert(command.end(), {"-j", jail});
    const CommandResult result = host.run(command);
    INFO(result.out << result.err);
    REQUIRE(result.status == 0);
}

/// "app-1.0 lib-1.2*": the jail's packages, the automatic ones marked.
std::string packages(const Host& host, const std::string& jail) {
    std::string text;
    const auto json = host.run({"status", jail, "--json"}).json();
    for (const auto& each : json["jails"][0]["packages"])
        text += (text.empty() ? "" : " ") + each["pkgname"].get<std::string>() +
                (each["automatic"] == true ? "*" : "");
    return text;
}

/// Where the file of a jail's image is on this host.
std::filesystem::path in_image(const Host& host, const std::string& jail, const std::string& below) {
    const std::string id = host.run({"status", jail, "--json"}).json()["jails"][0]["image"];
    return host.state() / "images" / id / below;
}

} // namespace

TEST_CASE("remove leaves what only the removed package needed, and autoremove takes it away",
          "[flow][autoremove]") {
    const Shop shop = ::shop();
    const Host& host = shop.host();
    install(host, {"site", "tool"}, "web");
    CHECK(packages(host, "web") == "lib-1.2* app-1.0* site-3.1 tool-2.0");
    CHECK(host.run({"autoremove", "-j", "web"}).out == "jail web: nothing to do, generation 1 has it all\n");

    const CommandResult removed = host.run({"remove", "site", "-j", "web"});

    INFO(removed.out << removed.err);
    CHECK(removed.status == 0);
    CHECK_THAT(removed.out, ContainsSubstring("nothing needs app-1.0, lib-1.2 any more; pkgjail autoremove "
                                              "-j web takes them away\n"));
    CHECK(packages(host, "web") == "lib-1.2* app-1.0* tool-2.0");

    const CommandResult planned = host.run({"autoremove", "-j", "web", "-n"});
    CHECK(planned.out.starts_with("jail web: would\n"
                                  "ACTION  PACKAGE  REASON\n"
                                  "remove  app-1.0  no longer needed\n"
                                  "remove  lib-1.2  no longer needed\n"));
    CHECK(packages(host, "web") == "lib-1.2* app-1.0* tool-2.0");

    const CommandResult done = host.run({"autoremove", "-j", "web", "--json"});

    CHECK(done.status == 0);
    CHECK(done.json()["generation"] == 3);
    CHECK(done.json()["unneeded"].empty());
    CHECK(packages(host, "web") == "tool-2.0");
    CHECK(host.run({"autoremove", "-j", "web", "--json"}).json()["generation"] == 3);
    check_fails(host, {"autoremove"}, 64,
                "pkgjail: autoremove: no jail given\nhint: pkgjail autoremove -j JAIL\n");
}

TEST_CASE("a package is not removed while another one needs it", "[flow][autoremove]") {
    const Shop shop = ::shop();
    install(shop.host(), {"site"}, "web");

    const CommandResult result = shop.host().run({"remove", "lib", "-j", "web"});

    INFO(result.err);
    CHECK(result.status == 8);
    CHECK_THAT(result.err, ContainsSubstring("lib-1.2 cannot be removed: it is needed by app-1.0 (lib>=1)"));
}

TEST_CASE("the files of a package and of a jail are listed as the jail sees them", "[flow][contents]") {
    const Shop shop = ::shop();
    const Host& host = shop.host();
    install(host, {"app"}, "one");
    install(host, {"app"}, "two");

    const CommandResult of_package = host.run({"files", "app"});
    CHECK(of_package.status == 0);
    CHECK_THAT(of_package.out, ContainsSubstring("/usr/pkg/share/app/README\n"));
    CHECK_THAT(of_package.out, !ContainsSubstring("/usr/pkg/share/lib/README\n"));
    CHECK(host.run({"files", "app-1.0", "-j", "two"}).out == of_package.out);
    const auto json = host.run({"files", "app", "--json"}).json();
    CHECK(json["schema"] == "pkgjail.files/1");
    CHECK(json["lists"].size() == 1);
    CHECK(json["lists"][0]["jails"].dump() == R"(["one","two"])");

    const CommandResult of_jail = host.run({"files", "one"});
    CHECK_THAT(of_jail.out, ContainsSubstring("/usr/pkg/share/app/README\n"));
    CHECK_THAT(of_jail.out, ContainsSubstring("/usr/pkg/share/lib/README\n"));
    CHECK_THAT(of_jail.out, ContainsSubstring("/etc/passwd\n"));

    check_fails(host, {"files", "apq"}, 5,
                "pkgjail: files: apq: no jail has this name, and no jail has a package of it\n"
                "hint: did you mean \"app\"?\n");
    check_fails(host, {"files", "tool", "-j", "one"}, 5,
                "pkgjail: files: tool: is not installed in jail one\n"
                "hint: pkgjail status one --json lists its packages\n");
}

TEST_CASE("the owner of a path is told for each jail that has it", "[flow][contents]") {
    const Shop shop = ::shop();
    const Host& host = shop.host();
    install(host, {"app"}, "one");
    install(host, {"lib"}, "two");

    CHECK(host.run({"which", "/usr/pkg/share/lib/README"}).out == "JAIL  PACKAGE\n"
                                                                  "one   lib-1.2\n"
                                                                  "two   lib-1.2\n");
    CHECK(host.run({"which", "/usr/pkg/share/app/README"}).out == "JAIL  PACKAGE\n"
                                                                  "one   app-1.0\n");
    CHECK_THAT(host.run({"which", "/etc/passwd"}).out,
               ContainsSubstring("one   none: made while the image was built\n"));
    check_fails(host, {"which", "/usr/pkg/bin/none"}, 5,
                "pkgjail: which: /usr/pkg/bin/none: no package of any jail brings it\n"
                "hint: what services and operators wrote is in no image\n");
    check_fails(host, {"which", "/usr/bin/env"}, 5,
                "pkgjail: which: /usr/bin/env: lies in the base, which no package of a jail brings\n"
                "hint: ask the host's own package manager\n");
    check_fails(host, {"which", "share/app"}, 64,
                "pkgjail: which: share/app: allowed: an absolute path, as seen inside a jail\n"
                "hint: pkgjail which /usr/pkg/sbin/nginx\n");
    CHECK(host.run({"which", "/usr/../etc"}).status == 64);
}

TEST_CASE("why tells the chain from what was asked for", "[flow][contents]") {
    const Shop shop = ::shop();
    const Host& host = shop.host();
    install(host, {"site", "app"}, "web");

    CHECK(host.run({"why", "web", "lib"}).out == "lib-1.2 is in jail web\n"
                                                 "  because of\n"
                                                 "  app-1.0, which was asked for\n"
                                                 "    needs lib>=1: lib-1.2\n"
                                                 "  site-3.1, which was asked for\n"
                                                 "    needs app>=1: app-1.0\n"
                                                 "      needs lib>=1: lib-1.2\n");
    CHECK(host.run({"why", "web", "app"}).out == "app-1.0 is in jail web\n"
                                                 "  because it was asked for: app\n"
                                                 "  and because of\n"
                                                 "  site-3.1, which was asked for\n"
                                                 "    needs app>=1: app-1.0\n");
    install(host, {"tool"}, "web");
    REQUIRE(host.run({"remove", "site", "app", "-j", "web"}).status == 0);
    CHECK(host.run({"why", "web", "lib"}).out ==
          "lib-1.2 is in jail web\n"
          "  and nothing needs it any more; pkgjail autoremove -j web takes it away\n");
    CHECK(host.run({"why", "web", "tool", "--json"}).json()["packages"][0]["wishes"].dump() == R"(["tool"])");
    check_fails(host, {"why", "web", "nothing"}, 5,
                "pkgjail: why: nothing: is not installed in jail web\n"
                "hint: pkgjail status web --json lists its packages\n");
    check_fails(host, {"why", "web"}, 64,
                "pkgjail: why: no jail or no package given\nhint: pkgjail why JAIL PKG\n");
}

TEST_CASE("why knows every form of a pattern, and tells the first one that leads on", "[flow][contents]") {
    const Shop shop({package("top-1.0", {"left>=1", "right>=1"}), package("left-1.0", {"{low,lower}-[0-9]*"}),
                     package("right-1.0", {"lo*-1.*", "low>=1"}), package("low-1.0")});
    install(shop.host(), {"top"}, "web");

    CHECK(shop.host().run({"why", "web", "low"}).out == "low-1.0 is in jail web\n"
                                                        "  because of\n"
                                                        "  top-1.0, which was asked for\n"
                                                        "    needs left>=1: left-1.0\n"
                                                        "      needs {low,lower}-[0-9]*: low-1.0\n");
    install(shop.host(), {"right"}, "web");
    CHECK_THAT(shop.host().run({"why", "web", "low"}).out,
               ContainsSubstring("  right-1.0, which was asked for\n    needs lo*-1.*: low-1.0\n"));
}

TEST_CASE("reading what packages brought changes nothing", "[flow][contents]") {
    const Shop shop = ::shop();
    const Host& host = shop.host();
    install(host, {"app"}, "web");
    const std::string before = test::listing(host.state());

    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
             {"files", "web"}, {"which", "/etc/passwd"}, {"why", "web", "lib"}, {"verify"}})
        CHECK(host.run(command).status == 0);

    CHECK(test::listing(host.state()) == before);
}

TEST_CASE("verify finds every kind of damage to an image", "[flow][verify]") {
    const Shop shop = ::shop();
    const Host& host = shop.host();
    install(host, {"app"}, "one");
    install(host, {"app"}, "two");
    const CommandResult sound = host.run({"verify"});
    INFO(sound.out << sound.err);
    REQUIRE(sound.status == 0);
    CHECK(sound.out.starts_with("2 jails, 1 image, "));
    CHECK(sound.out.ends_with(" files: sound\n"));

    const std::filesystem::path readme = in_image(host, "one", "tree/share/app/README");
    std::string expected;
    SECTION("another content of the same size") {
        test::write_bytes(readme, "THIS is app-1.0\n");
        expected = "/usr/pkg/share/app/README: has another content than recorded";
    }
    SECTION("another size") {
        test::write_bytes(readme, "x");
        expected = "/usr/pkg/share/app/README: has 1 bytes, recorded are 16";
    }
    SECTION("another mode") {
        REQUIRE(::chmod(readme.c_str(), 0600) == 0);
        expected = "/usr/pkg/share/app/README: has mode 0600, recorded is 0644";
    }
    SECTION("gone") {
        std::filesystem::remove(readme);
        expected = "/usr/pkg/share/app/README: is missing";
    }
    SECTION("another type") {
        std::filesystem::remove(readme);
        std::filesystem::create_symlink("/etc/passwd", readme);
        expected = "/usr/pkg/share/app/README: is a symbolic link, recorded is a file";
    }
    SECTION("one too many") {
        test::write_bytes(in_image(host, "one", "tree/share/evil"), "x");
        expected = "/usr/pkg/share/evil: is a file that is not recorded";
    }
    SECTION("in the seed") {
        std::filesystem::remove(in_image(host, "one", "seed/config/etc/shells"));
        expected = "/etc/shells: is missing";
    }

    const CommandResult plain = host.run({"verify", "two"});
    const CommandResult json = host.run({"verify", "--json"});

    INFO(plain.out << plain.err);
    CHECK(plain.status == 2);
    CHECK_THAT(plain.out, ContainsSubstring(" (one, two)")); // the image is shared
    CHECK_THAT(plain.out, ContainsSubstring(": " + expected + "\n"));
    CHECK(plain.out.ends_with("1 finding\n"));
    CHECK(json.status == 2);
    CHECK(json.json()["sound"] == false);
    CHECK(json.json()["findings"].size() == 1);
    CHECK(json.json()["findings"][0]["jails"].dump() == R"(["one","two"])");
}

TEST_CASE("verify finds what a jail's own directory lacks", "[flow][verify]") {
    const Shop shop = ::shop();
    const Host& host = shop.host();
    install(host, {"app"}, "web");
    const std::string id = host.run({"status", "web", "--json"}).json()["jails"][0]["id"];
    const std::filesystem::path top = host.state() / "jails" / id;
    std::string expected;
    SECTION("its record") {
        std::filesystem::remove(top / "jail.json");
        expected = "STATE/jails/ID/jail.json: is missing\n";
    }
    SECTION("another jail's record") {
        test::write_bytes(top / "jail.json", R"({"id": ")" + id + R"(", "name": "other", "recipe": ""})");
        expected = "STATE/jails/ID/jail.json: says other as name, the catalog web\n";
    }
    SECTION("its configuration") {
        std::filesystem::remove_all(top / "config" / "1");
        expected = "STATE/jails/ID/config/1/etc: is missing\n";
    }
    SECTION("a directory of its data") {
        std::filesystem::remove_all(top / "data" / "var");
        std::filesystem::create_symlink("/", top / "data" / "var");
        expected = "STATE/jails/ID/data/var: is a symbolic link, must be a directory\n";
    }
    SECTION("a mount point") {
        std::filesystem::remove_all(top / "root" / "dev");
        expected = "STATE/jails/ID/root/dev: is missing\n";
    }
    SECTION("all of it") {
        std::filesystem::remove_all(top);
        expected = "STATE/jails/ID: is missing\n";
    }

    const CommandResult result = host.run({"verify"});

    INFO(result.out << result.err);
    CHECK(result.status == 2);
    CHECK_THAT(test::with_names(host, result.out, {{"ID", id}}), ContainsSubstring("jail web: " + expected));
}

TEST_CASE("verify of a host without jails finds nothing, and of an unknown jail says so", "[flow][verify]") {
    const Host host;
    CHECK(host.run({"verify"}).status == 0);
    CHECK_FALSE(std::filesystem::exists(host.state()));
    CHECK(host.run({"verify", "web"}).status == 5);
}

TEST_CASE("a malformed pattern is wrong usage", "[flow]") {
    const Shop shop = ::shop();
    const Host& host = shop.host();
    install(host, {"app"}, "web");

    for (const std::vector<std::string>& command :
         std::vector<std::vector<std::string>>{{"install", "{a,b"},
                                               {"remove", "{a,b", "-j", "web"},
                                               {"avail", "{a,b"},
                                               {"info", "{a,b"},
                                               {"files", "{a,b"},
                                               {"why", "web", "{a,b"}}) {
        const CommandResult result = host.run(command);
        INFO(result.err);
        CHECK(result.status == 64);
        CHECK_THAT(result.err, ContainsSubstring("{a,b"));
    }
}

TEST_CASE("a dry run of update without repositories fails as the real one does", "[flow]") {
    const Host host;
    const CommandResult dry = host.run({"update", "-n"});
    const CommandResult real = host.run({"update"});
    CHECK(dry.status == 78);
    CHECK(dry.err == real.err);
}
