// install and remove as far as no package is built: plans, refusals, archives that are not what was promised.
#include <fstream>

#include "flow/flow.hpp"
#include "flow/recorded.hpp"
#include "pkgjail/base/directory_mark.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "support/catch.hpp"
#include "support/http_server.hpp"

using namespace pkgjail;
using test::check_fails;
using test::CommandResult;
using test::Host;
using test::package;
using test::PackageSpec;
using test::Shop;

namespace {

std::string steps(const CommandResult& result) {
    std::string text;
    const auto json = result.json();
    for (const auto& step : json["steps"])
        text += step["action"].get<std::string>() + " " + step["pkgname"].get<std::string>() + "\n";
    return text;
}

constexpr const char* web_recipe = "[recipe]\nsummary = a test\npackage = web\n[set]\nport = 8080\n"
                                   "[service]\ncommand = /bin/true\n[network]\nclaim = tcp:${port}\n";

/// Nothing is left of an install that failed.
void check_nothing_left(const Host& host) {
    for (const char* directory : {"images", "jails"})
        CHECK(std::filesystem::is_empty(host.state() / directory));
    for (const auto& entry : std::filesystem::directory_iterator(host.state() / "run"))
        CHECK(entry.path().filename() == base::directory_mark_name);
    CHECK(host.run({"list", "--json"}).json()["jails"].empty());
}

/// The archive in the repository becomes another one, without the index knowing.
void replace_archive(const Shop& shop, const PackageSpec& spec) {
    test::write_package(shop.path() / (spec.pkgname + ".tgz"), spec);
}

} // namespace

TEST_CASE("a port that another program has is told before there is a jail", "[flow][install]") {
    const Shop shop({package("web-1.0")});
    const Host& host = shop.host();
    host.write_config("recipes.d/web.recipe", web_recipe);
    const test::HttpServer other(host.etc());
    const std::string port = "port=" + std::to_string(other.port());

    for (const char* option : {"--yes", "--dry-run"})
        check_fails(host, {"install", "web", "--set", port, option}, 6,
                    "pkgjail: install: port tcp:" + std::to_string(other.port()) +
                        ": is in use by another program of this host\n"
                        "hint: stop that program, or choose another port: with --set for a new jail, in "
                        "jails.d/web.jail and with pkgjail apply for one that is there\n");

    check_nothing_left(host);
    CHECK(host.run({"install", "web", "--set", port, "--dry-run", "--no-start"}).status == 0);
}

TEST_CASE("install tells how a jail that is there gets another value", "[flow][install]") {
    const Shop shop({package("web-1.0")});
    const Host& host = shop.host();
    host.write_config("recipes.d/web.recipe", web_recipe);
    test::record_jail(host, "web", {"web-1.0"});
    catalog::Catalog catalog = test::open_catalog(host);
    catalog::Jail jail = catalog::Jails(catalog).find("web").value();
    jail.recipe = "web";
    catalog::Jails(catalog).update(jail);

    check_fails(host, {"install", "web", "--set", "port=8081"}, 6,
                "pkgjail: install: web: exists already, with another value of port\n"
                "hint: install into another jail with -j NAME, or declare this one with it in "
                "jails.d/web.jail and use pkgjail apply\n");
}

TEST_CASE("a dry run tells the plan and changes nothing", "[flow][install]") {
    const Shop shop({package("web-1.0", {"lib>=1"}), package("lib-1.2")});
    REQUIRE(shop.host().run({"update"}).status == 0);
    const std::string before = test::listing(shop.host().state());

    const CommandResult plain = shop.host().run({"install", "web", "--dry-run"});
    const CommandResult json = shop.host().run({"install", "web", "-n", "--json"});

    CHECK(test::listing(shop.host().state()) == before);
    CHECK(plain.status == 0);
    CHECK(plain.out.starts_with("jail web: would\n"
                                "ACTION   PACKAGE  REASON\n"
                                "install  lib-1.2  needed by web-1.0\n"
                                "install  web-1.0  requested\n"
                                "at most "));
    CHECK(json.json()["schema"] == "pkgjail.install/1");
    CHECK(steps(json) == "install lib-1.2\ninstall web-1.0\n");
    CHECK(json.json()["dry_run"] == true);
    CHECK(json.json()["jail"] == "web");
    CHECK(json.json()["jail_created"] == false);
    CHECK(json.json()["generation"] == 0);
}

TEST_CASE("a dry run of a host without state makes none", "[flow][install]") {
    const Shop shop({package("web-1.0")});

    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
             {"install", "web", "-n"}, {"start", "web", "-n"}, {"destroy", "web", "-n"}}) {
        const CommandResult result = shop.host().run(command);
        CHECK(result.status == 5);
        CHECK_THAT(result.err, ContainsSubstring("hint: pkgjail update"));
    }
    CHECK(shop.host().run({"update", "-n"}).status == 0);
    CHECK_FALSE(std::filesystem::exists(shop.host().state()));
}

TEST_CASE("a package that nobody offers is not found", "[flow][install]") {
    const Shop shop({package("nginx-1.0"), package("redis-7.0")});

    check_fails(shop.host(), {"install", "ngnix"}, 5,
                "pkgjail: install: ngnix: no repository has a package ngnix\n"
                "hint: did you mean \"nginx\"?\n");
    check_fails(shop.host(), {"install", "nonesuch"}, 5,
                "pkgjail: install: nonesuch: no repository has a package nonesuch\n"
                "hint: pkgjail search finds packages by a word\n");
    check_nothing_left(shop.host());
}

TEST_CASE("a missing dependency is told with the chain that wants it", "[flow][install]") {
    const Shop shop(
        {package("web-1.0", {"tls>=2"}), package("tls-2.1", {"crypto>=9"}), package("crypto-8.0")});

    const CommandResult result = shop.host().run({"install", "web"});

    CHECK(result.status == 8);
    INFO(result.err);
    CHECK_THAT(result.err, ContainsSubstring("crypto>=9"));
    CHECK_THAT(result.err, ContainsSubstring("tls-2.1"));
    CHECK_THAT(result.err, ContainsSubstring("web-1.0"));
    CHECK_THAT(result.err, ContainsSubstring("crypto-8.0"));
    check_nothing_left(shop.host());
}

TEST_CASE("a conflict is told with both sides", "[flow][install]") {
    auto mail = package("mail-1.0");
    mail.conflicts = {"postbox-[0-9]*"};
    const Shop shop({mail, package("postbox-2.0"), package("suite-1", {"mail>=1", "postbox>=2"})});

    for (const std::vector<std::string>& command :
         std::vector<std::vector<std::string>>{{"install", "suite"}, {"install", "mail", "postbox"}}) {
        const CommandResult result = shop.host().run(command);
        INFO(result.err);
        CHECK(result.status == 8);
        CHECK_THAT(result.err, ContainsSubstring("mail-1.0"));
        CHECK_THAT(result.err, ContainsSubstring("postbox-2.0"));
    }
    check_nothing_left(shop.host());
}

TEST_CASE("a repository whose packages must be proved is refused where nobody says by whom",
          "[flow][install][trust]") {
    const Shop shop({package("web-1.0")});
    const std::pair<std::string, std::string> causes[] = {
        {"package-signed", "neither certificates nor a keyring say by whom"},
        {"index-signed", "no key is configured that its signature could be compared with"},
        {"pinned", "no digest is pinned"}};
    for (const auto& [trust, cause] : causes) {
        shop.host().write_config("repositories.conf", "[repository demo]\nurl = file://" +
                                                          shop.path().string() + "\ntrust = " + trust + "\n");
        const CommandResult result = shop.host().run({"install", "web"});
        INFO(result.err);
        CHECK(result.status == 7);
        CHECK_THAT(result.err, ContainsSubstring(cause));
        CHECK_THAT(result.err, ContainsSubstring("in [repository demo] of repositories.conf"));
        check_nothing_left(shop.host());
    }
}

TEST_CASE("an archive that is not the one of the index is not used", "[flow][install][trust]") {
    const Shop shop({package("web-1.0", {"lib>=1"}), package("lib-1.2")});
    REQUIRE(shop.host().run({"update"}).status == 0);

    SECTION("cut short") {
        const std::string whole = test::read_bytes(shop.path() / "web-1.0.tgz");
        test::write_bytes(shop.path() / "web-1.0.tgz", whole.substr(0, whole.size() - 20));
    }
    SECTION("of the same size with another content") {
        std::string bytes = test::read_bytes(shop.path() / "web-1.0.tgz");
        bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
        test::write_bytes(shop.path() / "web-1.0.tgz", bytes);
    }
    SECTION("of another build") {
        auto other = package("web-1.0", {"lib>=1"});
        other.files.push_back({"sbin/backdoor", "#!/bin/sh\n", 0755});
        replace_archive(shop, other);
    }
    SECTION("gone") {
        std::filesystem::remove(shop.path() / "web-1.0.tgz");
    }

    const CommandResult result = shop.host().run({"install", "web"});
    INFO(result.err);
    const bool gone = !std::filesystem::exists(shop.path() / "web-1.0.tgz");
    CHECK(result.status == (gone ? 69 : 7));
    CHECK_THAT(result.err, ContainsSubstring("web-1.0"));
    CHECK_THAT(result.err, ContainsSubstring("hint: "));
    check_nothing_left(shop.host());
}

TEST_CASE("an index may not decide what a package needs", "[flow][install][trust]") {
    const Shop shop({package("web-1.0", {"lib>=1"}), package("lib-1.2"), package("evil-6.6")});
    auto lied = package("web-1.0", {"lib>=1", "evil>=6"});
    // The index of the lie, with digest and size of the true archive.
    std::string summary = test::summary_record(lied, test::read_bytes(shop.path() / "web-1.0.tgz"));
    for (const char* other : {"lib-1.2", "evil-6.6"})
        summary += test::summary_record(package(other),
                                        test::read_bytes(shop.path() / (std::string(other) + ".tgz")));
    test::write_bytes(shop.path() / "pkg_summary.gz", test::compress(summary, test::Compression::gzip));

    check_fails(shop.host(), {"install", "web"}, 7,
                "pkgjail: install: check web-1.0: web-1.0: needs [lib>=1] according to the archive, but "
                "[lib>=1, evil>=6] according to the index\n"
                "hint: run `pkgjail update`; if it stays, the repository is damaged\n");
    check_nothing_left(shop.host());
}

TEST_CASE("an archive of another package is not taken for the one of the index", "[flow][install][trust]") {
    const Shop shop({package("web-1.0"), package("other-1.0")});
    const std::string bytes = test::read_bytes(shop.path() / "other-1.0.tgz");
    std::filesystem::copy_file(shop.path() / "other-1.0.tgz", shop.path() / "web-1.0.tgz",
                               std::filesystem::copy_options::overwrite_existing);
    test::write_bytes(
        shop.path() / "pkg_summary.gz",
        test::compress(test::summary_record(package("web-1.0"), bytes), test::Compression::gzip));

    const CommandResult result = shop.host().run({"install", "web"});

    INFO(result.err);
    CHECK(result.status == 7);
    CHECK_THAT(result.err, ContainsSubstring("the archive holds other-1.0"));
    check_nothing_left(shop.host());
}

TEST_CASE("a package for another prefix or platform is bad data", "[flow][install]") {
    auto prefix = package("web-1.0");
    prefix.prefix = "/opt/pkg";
    {
        const Shop shop({prefix});
        const CommandResult result = shop.host().run({"install", "web"});
        INFO(result.err);
        CHECK(result.status == 65);
        CHECK_THAT(result.err, ContainsSubstring("/opt/pkg"));
        CHECK_THAT(result.err, ContainsSubstring("/usr/pkg"));
        check_nothing_left(shop.host());
    }
    auto platform = package("web-1.0");
    platform.build_info = {{"OPSYS", "SunOS"}};
    {
        const Shop shop({platform});
        const CommandResult result = shop.host().run({"install", "web"});
        INFO(result.err);
        CHECK(result.status == 65);
        CHECK_THAT(result.err, ContainsSubstring("SunOS"));
        check_nothing_left(shop.host());
    }
}

TEST_CASE("an archive given as a file is read as such", "[flow][install]") {
    const test::TempDir directory;
    const std::string file = (directory / "web-1.0.tgz").string();
    const Host host;

    check_fails(host, {"install", file}, 5, "pkgjail: install: FILE: stat: No such file or directory\n",
                {{"FILE", file}});
    test::write_bytes(file, "no archive");
    const CommandResult none = host.run({"install", file});
    INFO(none.err);
    CHECK(none.status == 65);
    test::write_package(file, package("web-1.0", {"lib>=1"}));
    const CommandResult alone = host.run({"install", file});
    INFO(alone.err);
    CHECK(alone.status == 8);
    CHECK_THAT(alone.err, ContainsSubstring("lib>=1"));
}

TEST_CASE("a name that can be no jail's is refused before anything is done", "[flow][install]") {
    const Shop shop({package("web-1.0")});

    check_fails(
        shop.host(), {"install", "web", "-j", "../web"}, 64,
        "pkgjail: install: ../web: no valid jail name, allowed: a letter a-z or a digit, then letters "
        "a-z, digits, \"-\" and \"_\", at most 63 characters\n");
    check_fails(shop.host(), {"install", "web", "-j", "-rf"}, 64,
                "pkgjail: install: -rf: no valid jail name, allowed: a letter a-z or a digit, then letters "
                "a-z, digits, \"-\" and \"_\", at most 63 characters\n");
    // What follows the jail's name is the command, whatever it begins with.
    check_fails(shop.host(), {"exec", "web", "-x"}, 5,
                "pkgjail: exec: web: there is no jail of this name\n"
                "hint: pkgjail install PACKAGE makes the first one\n");
    CHECK_FALSE(std::filesystem::exists(shop.host().state()));
}

TEST_CASE("no two jails have the same name", "[flow][install]") {
    const Shop shop({package("web-1.0")});
    for (const std::vector<std::string>& command :
         std::vector<std::vector<std::string>>{{"update"},
                                               {"install", "web"},
                                               {"install", "web", "-j", "twin"},
                                               {"export", "web", (shop.path() / "web.tar").string()}})
        REQUIRE(shop.host().run(command).status == 0);
    const std::string before = shop.host().run({"list", "--json"}).out;

    for (const std::vector<std::string>& command :
         std::vector<std::vector<std::string>>{{"rename", "twin", "web"},
                                               {"clone", "web", "twin"},
                                               {"import", (shop.path() / "web.tar").string(), "twin"}}) {
        const CommandResult result = shop.host().run(command);
        INFO(command.front() << ": " << result.err);
        CHECK(result.status == 6);
        CHECK(result.err.find("pkgjail: " + command.front() + ": " + command.back() + ": ") == 0);
    }
    CHECK(shop.host().run({"list", "--json"}).out == before);
}

TEST_CASE("what a jail has not can neither be removed nor destroyed", "[flow]") {
    const Shop shop({package("web-1.0")});
    REQUIRE(shop.host().run({"update"}).status == 0);

    for (const char* verb : {"start", "stop", "restart", "reload", "destroy"}) {
        const CommandResult result = shop.host().run({verb, "web"});
        CHECK(result.status == 5);
        CHECK(result.err == std::string("pkgjail: ") + verb +
                                ": web: there is no jail of this name\n"
                                "hint: pkgjail list shows the jails there are\n");
    }
    check_fails(shop.host(), {"remove", "web", "-j", "web"}, 5,
                "pkgjail: remove: web: there is no jail of this name\n"
                "hint: pkgjail list shows the jails there are\n");
    check_fails(shop.host(), {"remove", "web"}, 64,
                "pkgjail: remove: no jail given\nhint: pkgjail remove PKG… -j JAIL\n");
    CHECK(shop.host().run({"stop", "web", "--json"}).json()["results"][0]["error"]["exit_status"] == 5);
    CHECK(shop.host().run({"stop", "--all"}).status == 0);
}
