// update, search, avail, info.
#include <fstream>

#include "flow/flow.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::check_fails;
using test::CommandResult;
using test::Host;
using test::package;
using test::Shop;

namespace {

std::string pkgnames(const CommandResult& result) {
    std::string text;
    const auto json = result.json();
    for (const auto& found : json["packages"])
        text += (text.empty() ? "" : " ") + found["pkgname"].get<std::string>();
    return text;
}

} // namespace

TEST_CASE("update says what is new, and that nothing is", "[flow][update]") {
    const Shop shop({package("web-1.0", {"lib>=1"}), package("lib-1.2")});

    CHECK(shop.host().run({"update"}).out == "demo: new index (2 packages)\n");
    CHECK(shop.host().run({"update"}).out == "demo: nothing new (2 packages)\n");
    shop.offer({package("web-1.1", {"lib>=1"}), package("lib-1.2"), package("tool-3")});
    CHECK(shop.host().run({"update"}).out == "demo: new index (3 packages)\n");

    const auto json = shop.host().run({"update", "--json"}).json();
    CHECK(json["schema"] == "pkgjail.update/1");
    CHECK(json["repositories"].size() == 1);
    CHECK(json["repositories"][0]["repository"] == "demo");
    CHECK(json["repositories"][0]["url"] == "file://" + shop.path().string());
    CHECK(json["repositories"][0]["changed"] == false);
    CHECK(json["repositories"][0]["packages"] == 3);
    CHECK(pkgnames(shop.host().run({"avail", "--json"})) == "lib-1.2 tool-3 web-1.1");
}

TEST_CASE("a broken repository does not keep another from being read, and its old index stays",
          "[flow][update]") {
    const Shop shop({package("web-1.0")});
    const test::TempDir second;
    test::make_repository(second / "All", {package("other-2.0")});
    shop.host().write_config("repositories.conf", "[repository demo]\nurl = file://" + shop.path().string() +
                                                      "\n[repository second]\nurl = file://" +
                                                      (second / "All").string() + "\n");
    REQUIRE(shop.host().run({"update"}).status == 0);
    shop.offer({package("web-1.1")});
    const std::string whole = test::read_bytes(second / "All" / "pkg_summary.gz");
    test::write_bytes(second / "All" / "pkg_summary.gz", whole.substr(0, whole.size() / 2));

    const CommandResult result = shop.host().run({"update"});

    CHECK(result.status == 3);
    CHECK(result.out == "demo: new index (1 package)\n");
    CHECK_THAT(result.err, ContainsSubstring("pkgjail: update: refresh repository second: "));
    CHECK(pkgnames(shop.host().run({"avail", "--json"})) == "other-2.0 web-1.1");
    const auto json = shop.host().run({"update", "--json"});
    CHECK(json.status == 3);
    CHECK(json.json()["repositories"][0].count("error") == 0);
    CHECK(json.json()["repositories"][1]["error"]["exit_status"] == 65);
    CHECK(json.json()["repositories"][1]["error"]["kind"] == "bad-data");
}

TEST_CASE("update alone with one broken repository has that failure's status", "[flow][update]") {
    const Shop shop({package("web-1.0")});

    SECTION("a truncated index") {
        const std::string whole = test::read_bytes(shop.path() / "pkg_summary.gz");
        test::write_bytes(shop.path() / "pkg_summary.gz", whole.substr(0, whole.size() / 2));
        CHECK(shop.host().run({"update"}).status == 65);
        check_fails(shop.host(), {"install", "web"}, 65,
                    "pkgjail: install: refresh repository demo: demo/pkg_summary.gz: cannot be decompressed: "
                    "truncated gzip input\n");
    }
    SECTION("an index that is none") {
        test::write_bytes(shop.path() / "pkg_summary.gz", "<html>Not found</html>\n");
        CHECK(shop.host().run({"update"}).status == 65);
    }
    SECTION("no index") {
        std::filesystem::remove(shop.path() / "pkg_summary.gz");
        CHECK(shop.host().run({"update"}).status == 69);
    }
    SECTION("nobody there") {
        shop.host().write_config("repositories.conf", "[repository far]\nurl = http://127.0.0.1:" +
                                                          std::to_string(test::free_port()) + "/All\n");
        const CommandResult result = shop.host().run({"update"});
        CHECK(result.status == 69);
        CHECK(result.out.empty());
        CHECK_THAT(result.err, ContainsSubstring("pkgjail: update: refresh repository far: "));
        CHECK_THAT(result.err, ContainsSubstring("hint: "));
    }
}

TEST_CASE("a host without repositories says where they are named", "[flow][update]") {
    const Host host;

    check_fails(host, {"update"}, 78,
                "pkgjail: update: ETC/repositories.conf: names no repository\n"
                "hint: add a [repository NAME] with `url = …`; pkgjail.conf(5) has an example\n");
    check_fails(host, {"install", "web"}, 78,
                "pkgjail: install: ETC/repositories.conf: names no repository\n"
                "hint: add a [repository NAME] with `url = …`; pkgjail.conf(5) has an example\n");
}

TEST_CASE("search finds words in names and comments, names first", "[flow][search]") {
    auto lib = package("libweb-2.0");
    lib.comment = "Library of the editor";
    auto editor = package("editor-1.0");
    editor.comment = "Edits WEB pages and 100% of _anything_";
    const Shop shop({editor, package("web-1.0"), lib});
    REQUIRE(shop.host().run({"update"}).status == 0);

    CHECK(pkgnames(shop.host().run({"search", "web", "--json"})) == "web-1.0 libweb-2.0 editor-1.0");
    CHECK(pkgnames(shop.host().run({"search", "Web", "PAGES", "--json"})) == "editor-1.0");
    CHECK(pkgnames(shop.host().run({"search", "%", "--json"})) == "editor-1.0");
    CHECK(pkgnames(shop.host().run({"search", "web", "--limit", "1", "--json"})) == "web-1.0");
    CHECK(shop.host().run({"search", "web", "--json"}).json()["schema"] == "pkgjail.search/1");
    const CommandResult nothing = shop.host().run({"search", "nonesuch"});
    CHECK(nothing.status == 0);
    CHECK(nothing.out == "nothing found\n");
    check_fails(shop.host(), {"search"}, 64, "pkgjail: search: no word given\nhint: pkgjail search WORD…\n");
}

TEST_CASE("avail lists the best version first, and takes a pattern", "[flow][avail]") {
    const Shop shop({package("web-1.9"), package("web-1.10nb1"), package("web-1.10"), package("webby-3")});
    REQUIRE(shop.host().run({"update"}).status == 0);

    CHECK(pkgnames(shop.host().run({"avail", "--json"})) == "web-1.10nb1 web-1.10 web-1.9 webby-3");
    CHECK(pkgnames(shop.host().run({"avail", "web<1.10", "--json"})) == "web-1.9");
    CHECK(pkgnames(shop.host().run({"avail", "{web,webby}-[0-9]*", "--json"})) ==
          "web-1.10nb1 web-1.10 web-1.9 webby-3");
    CHECK(shop.host().run({"avail", "none>=1"}).out == "nothing found\n");
}

TEST_CASE("info tells everything about the best package of a name", "[flow][info]") {
    auto web = package("web-1.1", {"lib>=1"});
    web.conflicts = {"otherweb-[0-9]*"};
    web.desc = "Serves.\n\nHomepage:\nhttp://example.org/\n";
    const Shop shop({package("web-1.0"), web, package("lib-1.2")});
    REQUIRE(shop.host().run({"update"}).status == 0);

    const auto json = shop.host().run({"info", "web", "--json"}).json();

    CHECK(json["schema"] == "pkgjail.info/1");
    const auto& found = json["package"];
    CHECK(found["pkgname"] == "web-1.1");
    CHECK(found["repository"] == "demo");
    CHECK(found["comment"] == "Package web");
    CHECK(found["depends"] == nlohmann::json::array({"lib>=1"}));
    CHECK(found["conflicts"] == nlohmann::json::array({"otherweb-[0-9]*"}));
    CHECK(found["file_name"] == "web-1.1.tgz");
    CHECK(found["digest_algorithm"] == "sha512");
    CHECK(found["digest"].get<std::string>().size() == 128);
    CHECK(found["archive_bytes"] == std::filesystem::file_size(shop.path() / "web-1.1.tgz"));
    CHECK(found["installed_in"].empty());
    CHECK_THAT(shop.host().run({"info", "web-1.0"}).out, ContainsSubstring("Package      web-1.0\n"));
    check_fails(shop.host(), {"info", "wbe"}, 5,
                "pkgjail: info: wbe: no repository has a package of this name\n"
                "hint: did you mean \"web\"?\n");
    check_fails(
        shop.host(), {"info", ""}, 64,
        "pkgjail: info: PACKAGE: found \"\", allowed: anything that is not empty\nhint: pkgjail info PKG\n");
}

TEST_CASE("what strangers wrote cannot steer the terminal", "[flow][search]") {
    auto web = package("web-1.0");
    web.comment = "\033]0;owned\007 and \033[2J and \xc2\x9b"
                  "31m and \xe2\x80\xae"
                  "cipsid";
    web.desc = "clear\033[2J\n";
    const Shop shop({web});
    REQUIRE(shop.host().run({"update"}).status == 0);

    for (const std::vector<std::string>& command :
         std::vector<std::vector<std::string>>{{"search", "web"},
                                               {"avail"},
                                               {"info", "web"},
                                               {"info", "web", "--json"},
                                               {"search", "web", "--json"}}) {
        const CommandResult result = shop.host().run(command);
        INFO(result.out);
        CHECK(result.status == 0);
        CHECK(result.out.find('\033') == std::string::npos);
        CHECK(result.out.find('\007') == std::string::npos);
        CHECK(result.out.find("\xc2\x9b") == std::string::npos);
        CHECK(result.out.find("\xe2\x80\xae") == std::string::npos);
    }
}

TEST_CASE("before the first update, reading verbs say what to do", "[flow]") {
    const Shop shop({package("web-1.0")});

    for (const char* verb : {"search", "avail", "info"})
        check_fails(shop.host(), {verb, "web"}, 5,
                    std::string("pkgjail: ") + verb +
                        ": index: no repository has been read yet\nhint: pkgjail update\n");
    CHECK_FALSE(std::filesystem::exists(shop.host().state()));
}

TEST_CASE("the demo repository is read whole", "[flow]") {
    const auto repository = test::demo_repository("2026Q3");
    if (repository.empty()) {
        WARN("skipped: there is no demo repository; ./check makes it");
        return;
    }
    const Host host(repository);

    CHECK(host.run({"update"}).status == 0);

    CHECK_THAT(pkgnames(host.run({"search", "nginx", "--json"})), Catch::Matchers::StartsWith("nginx-"));
    const auto plan = host.run({"install", "nginx", "--dry-run", "--json"});
    CHECK(plan.status == 0);
    CHECK(plan.json()["steps"].size() == 4);
    CHECK(plan.json()["steps"][3]["pkgname"].get<std::string>().starts_with("nginx-"));
    CHECK(plan.json()["dry_run"] == true);
}
