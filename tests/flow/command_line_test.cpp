// Wrong command lines, wrong configuration, outputs that cannot be written.
#include <fstream>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "flow/flow.hpp"
#include "flow/recorded.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::check_fails;
using test::CommandResult;
using test::Host;
using test::package;
using test::Shop;

TEST_CASE("what fails for some of several is told on standard error beside the document, too",
          "[flow][json]") {
    const Host host;
    test::record_jail(host, "web", {"tree-2.1"});
    host.write_config("repositories.conf", "[repository demo]\nurl = file:///nowhere\ntrust = none\n");

    for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
             {"destroy", "web", "nosuch", "-n"}, {"reload", "web"}, {"update"}}) {
        std::vector<std::string> with_json = words;
        with_json.emplace_back("--json");
        const CommandResult plain = host.run(words);
        const CommandResult json = host.run(with_json);
        INFO(words.front());
        CHECK(plain.status != 0);
        CHECK(json.status == plain.status);
        CHECK(json.err.starts_with("pkgjail: " + words.front() + ": "));
        CHECK(json.err == test::failure_text(plain));
        CHECK(json.json()["schema"] == "pkgjail." + words.front() + "/1");
    }
}

TEST_CASE("a secret that is too large is a wrong use, from a file as from a pipe", "[flow][cli]") {
    const Host host;
    test::record_jail(host, "web", {"tree-2.1"});

    for (const char* script :
         {"head -c 1048578 /dev/zero | pkgjail secret set web key",
          "head -c 1048578 /dev/zero > \"$ETC/large\"; pkgjail secret set web key < \"$ETC/large\""}) {
        const CommandResult result = test::run_in_shell(host, script);
        CHECK(result.status == 64);
        CHECK(result.err == "pkgjail: secret: key: the secret has more than 1M\n");
    }
    CHECK(test::run_in_shell(host, "head -c 1048576 /dev/zero | pkgjail secret set web key").status == 0);
}

TEST_CASE("a command line that cannot be understood is refused with what is allowed", "[flow][usage]") {
    const Host host;

    check_fails(host, {"instal", "web"}, 64,
                "pkgjail: instal: there is no such command\nhint: did you mean \"install\"?\n");
    check_fails(host, {"frobnicate"}, 64,
                "pkgjail: frobnicate: there is no such command\nhint: pkgjail help lists them\n");
    check_fails(host, {"help", "instal"}, 64,
                "pkgjail: help: instal: there is no such command\nhint: did you mean \"install\"?\n");
    check_fails(host, {"list", "--jsn"}, 64,
                "pkgjail: list: --jsn: unknown option\nhint: did you mean \"--json\"?\n");
    check_fails(host, {"list", "-z"}, 64, "pkgjail: list: -z: unknown option\nhint: pkgjail list\n");
    check_fails(host, {"list", "web"}, 64, "pkgjail: list: too many arguments\nhint: pkgjail list\n");
    check_fails(host, {"start"}, 64, "pkgjail: start: no jail given\nhint: pkgjail start JAIL…, or --all\n");
    check_fails(host, {"stop", "web", "--all"}, 64, "pkgjail: stop: takes jails or --all, not both\n");
    check_fails(host, {"install"}, 64, "pkgjail: install: no package given\nhint: pkgjail install PACKAGE\n");
    check_fails(host, {"install", "web", "--set", "port"}, 64,
                "pkgjail: install: --set: found \"port\", allowed: KEY=VALUE\n");
    check_fails(host, {"install", "web", "--set", "=80"}, 64,
                "pkgjail: install: --set: found \"=80\", allowed: KEY=VALUE\n");
    check_fails(host, {"install", "web", "--set", "port=1", "--set", "port=2"}, 64,
                "pkgjail: install: --set: port is given twice\n");
    check_fails(
        host, {"install", "web", "-j", "a", "-j", "b"}, 64,
        "pkgjail: install: --jail: given more than once\n"
        "hint: pkgjail install PKG|FILE…|--locked FILE [-j JAIL] [--recipe R] [--limits TEMPLATE] "
        "[--limit L=V]… [--set K=V]… [--network MODE] [--publish PORT]… [--nat YES|NO] "
        "[--resolv WHICH] [--volume V:PATH]… [--mount HOSTPATH:PATH]… [--secret NAME=FILE]… [--no-start]\n");
    check_fails(host, {"--wait", "soon", "list"}, 64,
                "pkgjail: list: --wait: found \"soon\", allowed: seconds, or a duration such as 30s, 5m\n");
    check_fails(host, {"logs", "--lines", "-3"}, 64,
                "pkgjail: logs: --lines: found \"-3\", allowed: a number\n");
    check_fails(
        host, {"logs", "--since", "yesterday"}, 64,
        "pkgjail: logs: --since: found \"yesterday\", allowed: a time such as 2026-11-21T23:40:00Z, or "
        "a duration such as 10m, 2h\n");
    check_fails(host, {"logs", "-f"}, 5,
                "pkgjail: logs: --follow: there are no jails to follow\n"
                "hint: pkgjail install PACKAGE makes the first one\n");
    check_fails(host, {"exec", "web"}, 64,
                "pkgjail: exec: no command given\n"
                "hint: pkgjail exec JAIL COMMAND…, or pkgjail shell JAIL\n");
    CHECK_FALSE(std::filesystem::exists(host.state()));
}

TEST_CASE("an empty directory name is not taken for the usual directory", "[flow][usage]") {
    const CommandResult result = test::run_in_shell(Host(), "\"$PKGJAIL\" --state '' destroy --all --yes");

    CHECK(result.status == 64);
    CHECK(result.err == "pkgjail: destroy: --state: found \"\", allowed: anything that is not empty\n"
                        "hint: pkgjail destroy JAIL…|--all [--with-data]\n");
}

TEST_CASE("an empty word is not taken for one that was not given", "[flow][usage]") {
    const Host host;

    check_fails(host, {"remove", "web", "-j", ""}, 64,
                "pkgjail: remove: --jail: found \"\", allowed: anything that is not empty\n"
                "hint: pkgjail remove PKG… -j JAIL\n");
    check_fails(host, {"status", "web", ""}, 64,
                "pkgjail: status: JAIL: found \"\", allowed: anything that is not empty\n"
                "hint: pkgjail status [JAIL…]\n");
    CHECK(host.run({"complete", "--", "st", ""}).status == 0);
}

TEST_CASE("repositories are offered by their names where one is wanted", "[flow][completion]") {
    const Host host;
    host.write_config("repositories.conf", "[repository main]\nurl = https://main.example/All\n"
                                           "[repository own]\nurl = file:///srv/All\n");

    CHECK(host.run({"complete", "--", "update", "--allow-older", ""}).out ==
          "main\thttps://main.example/All\nown\tfile:///srv/All\n");
    CHECK(host.run({"complete", "--", "update", "--allow-older=o"}).out ==
          "--allow-older=own\tfile:///srv/All\n");
}

TEST_CASE("a dry run says of a file that cannot be written what the command says", "[flow][usage]") {
    const Shop shop({package("web-1.0")});
    REQUIRE(shop.host().run({"install", "web"}).status == 0);
    const test::TempDir place;
    std::filesystem::create_directory(place / "directory");
    test::write_bytes(place / "file", "somebody's\n");
    const std::string before = test::listing(place.path());

    for (const std::vector<std::string>& command :
         std::vector<std::vector<std::string>>{{"metrics", "--textfile"},
                                               {"lock", "web"},
                                               {"export", "web"},
                                               {"export", "web", "--format", "oci"},
                                               {"catalog", "backup"}})
        for (const std::string& name :
             {std::string("nowhere/x"), std::string("directory"), std::string("file/x"),
              std::string("nowhere/x.tar"), std::string(300, 'n')}) {
            std::vector<std::string> words = command;
            words.push_back((place / name).string());
            const CommandResult real = shop.host().run(words);
            words.insert(words.begin(), "--dry-run");
            const CommandResult dry = shop.host().run(words);
            INFO(fmt::format("{}\n{}", fmt::join(words, " "), real.err));
            CHECK(real.status != 0);
            CHECK(dry.status == real.status);
            CHECK(dry.out == real.out);
            CHECK(test::failure_text(dry) == test::failure_text(real));
            CHECK(test::listing(place.path()) == before);
        }
}

TEST_CASE("a command inside a jail is not run to see what it would do", "[flow][usage]") {
    check_fails(Host(), {"-n", "exec", "web", "rm", "-rf", "/var"}, 64,
                "pkgjail: exec: --dry-run: what a command does cannot be told without running it\n");
}

TEST_CASE("no command at all is told how it is used", "[flow][usage]") {
    const CommandResult result = test::run_in_shell(Host(), "\"$PKGJAIL\"");

    CHECK(result.status == 64);
    CHECK(result.out.empty());
    CHECK(result.err.starts_with("usage: pkgjail "));
}

TEST_CASE("a name with escape sequences is told without them", "[flow][usage]") {
    const Shop shop({package("web-1.0")});
    REQUIRE(shop.host().run({"update"}).status == 0);
    const std::string name = "\033]0;owned\007web\xff";

    check_fails(shop.host(), {"info", name}, 5,
                "pkgjail: info: \\x1b]0;owned\\x07web\\xff: no repository has a package of this name\n"
                "hint: pkgjail search WORD looks through names and comments\n");
    check_fails(shop.host(), {name}, 64,
                "pkgjail: \\x1b]0;owned\\x07web\\xff: there is no such command\n"
                "hint: pkgjail help lists them\n");
}

TEST_CASE("an overlong name fails as any other, in a line that can be read", "[flow][usage]") {
    const Shop shop({package("web-1.0")});
    REQUIRE(shop.host().run({"update"}).status == 0);
    const std::string name(120'000, 'x'); // about the longest word that a kernel hands to a program

    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
             {"info", name}, {"install", name, "-j", "web"}, {"status", name}, {"search", name}, {name}}) {
        const CommandResult result = shop.host().run(command);
        if (command.front() != "search") // finding nothing is no failure
            CHECK((result.status == 5 || result.status == 64 || result.status == 65));
        CHECK(result.err.size() < 4500);
    }
}

TEST_CASE("an index with an overlong name is bad data", "[flow]") {
    const Shop shop({package("web-1.0")});
    const std::string record =
        test::summary_record(package("web-1.0"), test::read_bytes(shop.path() / "web-1.0.tgz"));
    std::string huge = record;
    huge.replace(huge.find("PKGNAME=web-1.0"), 15, "PKGNAME=" + std::string(1u << 20, 'w') + "-1.0");
    test::write_bytes(shop.path() / "pkg_summary.gz", test::compress(huge + record, test::Compression::gzip));

    const CommandResult result = shop.host().run({"update"});

    CHECK(result.status == 65);
    CHECK(result.err.size() < 4500);
}

TEST_CASE("wrong configuration is told with file, line and key", "[flow][configuration]") {
    const Shop shop({package("web-1.0")});

    SECTION("a value") {
        shop.host().write_config("pkgjail.conf", "# mine\n[packages]\nsetid = maybe\n");
        check_fails(shop.host(), {"list"}, 78,
                    "pkgjail: list: ETC/pkgjail.conf:3: setid: found \"maybe\", allowed: strip, keep, "
                    "refuse\n");
    }
    SECTION("a key") {
        shop.host().write_config("pkgjail.conf", "[packages]\nsetit = keep\n");
        const CommandResult result = shop.host().run({"list"});
        CHECK(result.status == 78);
        CHECK_THAT(result.err, ContainsSubstring("/pkgjail.conf:2: "));
        CHECK_THAT(result.err, ContainsSubstring("setit"));
        CHECK_THAT(result.err, ContainsSubstring("hint: did you mean \"setid\"?"));
    }
    SECTION("a repository") {
        shop.host().write_config("repositories.conf", "[repository a]\nurl = gopher://example/\n");
        const CommandResult result = shop.host().run({"update"});
        CHECK(result.status == 78);
        CHECK_THAT(result.err, ContainsSubstring("/repositories.conf:2: url"));
    }
    SECTION("a recipe") {
        shop.host().write_config("recipes.d/web.recipe",
                                 "[recipe]\nsummary = a web\npackage = web\n[service]\ncomand = /bin/true\n");
        const CommandResult result = shop.host().run({"install", "web"});
        INFO(result.err);
        CHECK(result.status == 78);
        CHECK_THAT(result.err, ContainsSubstring("/recipes.d/web.recipe:4: "));
        CHECK_THAT(result.err, ContainsSubstring("no key \"command\" in [service]"));
        CHECK_THAT(result.err, ContainsSubstring("hint: line 5 has \"comand\""));
        CHECK(std::filesystem::is_empty(shop.host().state() / "images"));
    }
    SECTION("a value that a recipe does not have") {
        shop.host().write_config("recipes.d/web.recipe",
                                 "[recipe]\nsummary = a web\npackage = web\n[set]\nport = 80\n[service]\n"
                                 "command = /bin/true\n");
        const CommandResult result = shop.host().run({"install", "web", "--set", "prot=81"});
        INFO(result.err);
        CHECK((result.status == 64 || result.status == 78));
        CHECK_THAT(result.err, ContainsSubstring("prot"));
        CHECK_THAT(result.err, ContainsSubstring("port"));
    }
    SECTION("no recipe of this name") {
        const CommandResult result = shop.host().run({"install", "web", "--recipe", "weeb"});
        INFO(result.err);
        CHECK(result.status == 5);
        CHECK_THAT(result.err, ContainsSubstring("weeb"));
    }
    SECTION("no limits of this name") {
        const CommandResult result = shop.host().run({"install", "web", "--limits", "wbe"});
        INFO(result.err);
        CHECK(result.status == 5);
        CHECK_THAT(result.err, ContainsSubstring("wbe"));
    }
    SECTION("for several jails it is said once") {
        shop.host().write_config("pkgjail.conf", "nonsense\n");
        const CommandResult result = shop.host().run({"stop", "a", "b", "c"});
        CHECK(result.status == 78);
        CHECK(std::count(result.err.begin(), result.err.end(), '\n') <= 2);
    }
}

TEST_CASE("output that cannot be written is a failure and never an abort", "[flow][output]") {
    const Shop shop({package("web-1.0")});
    REQUIRE(shop.host().run({"update"}).status == 0);

    for (const char* command : {"avail", "avail --json", "info web", "list --json", "help", "version",
                                "status --json", "install web -n", "install web -n --json", "search web"}) {
        const CommandResult full =
            test::run_in_shell(shop.host(), std::string("pkgjail ") + command + " >/dev/full");
        INFO(command);
        CHECK(full.status == 1);
        CHECK_THAT(full.err, ContainsSubstring(": standard output: write: No space left on device\n"));
        const CommandResult closed =
            test::run_in_shell(shop.host(), std::string("pkgjail ") + command + " >&-");
        CHECK(closed.status == 1);
        CHECK_THAT(closed.err, ContainsSubstring(": standard output: write: Bad file descriptor\n"));
    }
    // A failure's own document: the status stays the failure's.
    CHECK(test::run_in_shell(shop.host(), "pkgjail info nope --json >/dev/full").status == 5);
    CHECK(test::run_in_shell(shop.host(), "pkgjail info nope 2>/dev/full").status == 5);
    CHECK(test::run_in_shell(shop.host(), "pkgjail update 2>&- >&- <&-").status == 1);
    CHECK(shop.host().run({"doctor", "--json"}).json()["findings"].dump().find("malformed") ==
          std::string::npos);
}

TEST_CASE("a reader that goes away does not end a command in its middle", "[flow][output]") {
    std::vector<test::PackageSpec> many;
    for (int i = 0; i < 40; ++i)
        many.push_back(package("package" + std::to_string(i) + "-1.0"));
    for (test::PackageSpec& spec : many)
        spec.comment = std::string(100, 'c');
    const Shop shop(many);

    const CommandResult update = test::run_in_shell(shop.host(), "pkgjail update | false");
    CHECK(update.err.empty());
    const CommandResult avail =
        test::run_in_shell(shop.host(), "pkgjail avail --json | { sleep 0.2; exec <&-; exit 0; }");
    CHECK(avail.status == 0);
    CHECK(avail.err.empty());
    CHECK(shop.host().run({"avail", "--json"}).json()["packages"].size() == 40);
}

TEST_CASE("what is quiet says nothing but errors", "[flow][output]") {
    const Shop shop({package("web-1.0")});

    const CommandResult update = shop.host().run({"update", "-q"});
    CHECK(update.status == 0);
    CHECK(update.out.empty());
    CHECK(update.err.empty());
    CHECK_FALSE(shop.host().run({"info", "nope", "-q"}).err.empty());
}

TEST_CASE("help and version need no configuration", "[flow][usage]") {
    const Host host;
    host.write_config("pkgjail.conf", "nonsense\n");

    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
             {"--help"}, {"help"}, {"help", "install"}, {"install", "--help"}, {"--version"}, {"version"}}) {
        const CommandResult result = host.run(command);
        CHECK(result.status == 0);
        CHECK(result.err.empty());
        CHECK_FALSE(result.out.empty());
    }
    CHECK(host.run({"version", "--json"}).json()["schema"] == "pkgjail.version/1");
    CHECK(host.run({"--version", "--json"}).json() == host.run({"version", "--json"}).json());
    CHECK(host.run({"help", "install", "--json"}).json()["text"] == host.run({"help", "install"}).out);
    CHECK(host.run({"install", "--help", "--json"}).json() == host.run({"help", "install", "--json"}).json());
}
