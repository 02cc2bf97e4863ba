// apply on jails that are declared, and partly there: what is said, what is refused, what a dry run leaves
// alone.
#include <unistd.h>

#include "flow/flow.hpp"
#include "flow/recorded.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/store/layout.hpp"
#include "support/catch.hpp"
#include "support/host_steps.hpp"

using namespace pkgjail;
using test::check_fails;
using test::CommandResult;
using test::Host;
using test::package;
using test::Shop;
using test::well;

namespace {

void declare(const Host& host, const std::string& name, const std::string& text) {
    host.write_config("jails.d/" + name + ".jail", text);
}

/// Told of one jail among several, so not the document of an error.
void check_refused(const Host& host, const std::vector<std::string>& arguments, int status,
                   const std::string& text) {
    const CommandResult result = host.run(arguments);
    CHECK(result.status == status);
    CHECK(result.out.empty());
    CHECK(test::failure_text(result) == text);
}

/// A jail without a recipe, whose limits can be changed.
void record(const Host& host, const std::string& name, const std::vector<std::string>& pkgnames) {
    const std::string id = test::record_jail(host, name, pkgnames);
    catalog::Catalog catalog = test::open_catalog(host);
    catalog::Jail jail = catalog::Jails(catalog).find(name).value();
    jail.limits_template = "default";
    catalog::Jails(catalog).update(jail);
    std::filesystem::create_directories(store::Layout(host.state()).jail_record(id).parent_path());
}

void write_recipe(const Host& host, const std::string& name, const std::string& required = "") {
    host.write_config("recipes.d/" + name + ".recipe",
                      "[recipe]\nsummary = a test\npackage = " + name + "\n" +
                          (required.empty() ? "" : "requires = " + required + "\n") +
                          "[set]\nport = 8080\n[service]\ncommand = /bin/true\n[network]\nclaim = "
                          "tcp:${port}\n");
}

} // namespace

TEST_CASE("nothing declared is nothing to do", "[flow][apply]") {
    const Host host;

    const CommandResult result = host.run({"apply"});

    CHECK(result.status == 0);
    CHECK(result.out == "nothing is declared in " + (host.etc() / "jails.d").string() + "\n");
    CHECK(host.run({"apply", "-n", "--json"}).json()["drift"] == false);
    check_refused(host, {"apply", "web"}, 5,
                  "pkgjail: apply: web: is not declared, there are: nothing\n"
                  "hint: pkgjail apply --export web prints a declaration of a jail\n");
}

TEST_CASE("a dry run says what is missing, in the order of requirements, and changes nothing",
          "[flow][apply]") {
    const Host host;
    write_recipe(host, "db");
    write_recipe(host, "app", "db");
    declare(host, "app", "[jail]\nrecipe = app\n[set]\nport = 8081\n");
    declare(host, "db", "[jail]\nrecipe = db\npackage = tool\n");
    declare(host, "a-first", "[jail]\nrecipe = app\nrequires = app\n[set]\nport = 8082\n");

    const CommandResult result = host.run({"apply", "-n"});

    INFO(result.err);
    CHECK(result.status == 2);
    CHECK(result.out ==
          "jail db: would be made: there is no jail of this name, declared are tool, db with recipe db\n"
          "jail app: would be made: there is no jail of this name, declared is app with recipe app\n"
          "jail a-first: would be made: there is no jail of this name, declared is app with recipe app\n");
    CHECK_FALSE(std::filesystem::exists(host.state()));
    const auto json = host.run({"apply", "-n", "db", "--json"}).json();
    CHECK(json["schema"] == "pkgjail.apply/1");
    CHECK(json["drift"] == true);
    CHECK(json["results"][0]["actions"][0]["action"] == "create");
    CHECK(json["results"][0]["actions"][0]["done"] == false);
}

TEST_CASE("each wrong declaration is told with its place, and the others are looked at all the same",
          "[flow][apply]") {
    const Host host;
    write_recipe(host, "db");
    declare(host, "a", "[jail]\nrecipe = bd\n");
    declare(host, "b", "[jail]\nrecipe = db\n\n[set]\nprot = 1\n");
    declare(host, "c", "[jail]\nrecipe = db\nlimits = wbe\n");
    declare(host, "d", "[jail]\nrecipe = db\nnetwork = none\npublish = tcp:1:1\n");
    declare(host, "e", "[jail]\nrecipe = db\nrequires = nobody\n");
    declare(host, "f", "[jail]\nrecipe = db\n[set]\nport = many\n");
    declare(host, "g", "[jail]\nrecipe = db\nrequires = h\n");
    declare(host, "h", "[jail]\nrecipe = db\nrequires = g\n");
    declare(host, "i", "[jail]\nstate = off\n");
    declare(host, "z", "[jail]\npackage = tree\n");

    const CommandResult result = host.run({"apply", "-n"});

    CHECK(result.status == 3);
    CHECK(result.out == "jail z: would be made: there is no jail of this name, declared is tree\n");
    const std::string place = "pkgjail: apply: " + (host.etc() / "jails.d").string() + "/";
    CHECK_THAT(result.err,
               ContainsSubstring(place + "a.jail:2: recipe: found \"bd\", allowed: apache, db, "));
    CHECK_THAT(result.err, ContainsSubstring("hint: did you mean \"db\"?"));
    CHECK_THAT(result.err,
               ContainsSubstring(
                   place + "b.jail:5: prot: found a value that recipe db does not have, allowed: port\n"));
    CHECK_THAT(result.err, ContainsSubstring(place + "c.jail:3: limits: found \"wbe\", allowed: "));
    CHECK_THAT(result.err,
               ContainsSubstring(place +
                                 "d.jail: a published port is asked for with network mode none, allowed: "
                                 "beside network mode private"));
    CHECK_THAT(result.err,
               ContainsSubstring("nobody: there is no jail of this name, and jail e requires it"));
    CHECK_THAT(result.err, ContainsSubstring(place + "f.jail:4: port: found \"many\": "));
    CHECK_THAT(result.err, ContainsSubstring("requires itself: g -> h -> g"));
    CHECK_THAT(result.err,
               ContainsSubstring(place + "i.jail:2: state: found \"off\", allowed: running, stopped"));
    const CommandResult alone = host.run({"apply", "-n", "a"});
    CHECK(alone.status == 78);
}

TEST_CASE("a file that can be no jail's stops apply before it does anything", "[flow][apply]") {
    const Host host;
    declare(host, "Web", "[jail]\npackage = tree\n");

    const CommandResult result = host.run({"apply", "-n"});

    CHECK(result.status == 78);
    CHECK_THAT(result.err, ContainsSubstring("Web.jail: found \"Web.jail\", allowed: NAME.jail"));
}

TEST_CASE("a jail's packages and limits are compared with its declaration", "[flow][apply]") {
    const Host host;
    record(host, "web", {"tool-1.0", "tree-2.1"});

    declare(host, "web", "[jail]\npackage = tree\npackage = tool-[0-9]*\n");
    CHECK(host.run({"apply", "-n", "web"}).out == "jail web: nothing to do\n");
    CHECK(host.run({"apply", "-n", "web"}).status == 0);

    declare(host, "web", "[jail]\npackage = tree\npackage = other\nlimits = web\n[limits]\nmemory = 64M\n");
    const CommandResult drift = host.run({"apply", "-n", "web"});
    CHECK(drift.status == 2);
    CHECK(drift.out ==
          "jail web: would get other limits at once: the template is default, declared is web; memory is the "
          "template's, declared is 64M\n"
          "jail web: would get more packages: other declared and not there\n"
          "jail web: would lose packages: tool-1.0 there and not declared\n");

    write_recipe(host, "tree");
    declare(host, "web", "[jail]\nrecipe = tree\n");
    check_refused(
        host, {"apply", "-n", "web"}, 6,
        "pkgjail: apply: web: has no recipe, declared is recipe tree, and a jail's recipe cannot be "
        "changed\n"
        "hint: pkgjail export web FILE keeps what it holds; after pkgjail destroy web apply makes it "
        "anew\n");
}

TEST_CASE("limits are changed, and then there is nothing to do", "[flow][apply]") {
    const Host host;
    record(host, "web", {"tree-2.1"});
    declare(host, "web", "[jail]\npackage = tree\n[limits]\nmemory = 64M\n");

    const CommandResult first = host.run({"apply", "--json"});

    INFO(first.out << first.err);
    CHECK(first.status == 0);
    CHECK(first.json()["results"][0]["actions"][0]["action"] == "limits");
    CHECK(first.json()["results"][0]["actions"][0]["done"] == true);
    CHECK(host.run({"apply"}).out == "jail web: nothing to do\n");
    CHECK(host.run({"apply", "-n"}).status == 0);
    declare(host, "web", "[jail]\npackage = tree\n[limits]\nmemory = 32M\n");
    CHECK(host.run({"apply"}).out ==
          "jail web: has other limits at once; before: memory is 64M, declared is 32M\n");
}

TEST_CASE("a limit that only the declared network makes possible comes after it", "[flow][apply]") {
    const Shop shop({package("web-1.0")});
    const Host& host = shop.host();
    write_recipe(host, "web");
    well(host, {"update"});
    well(host, {"install", "web", "--no-start"});
    const std::string limits = "[limits]\nnet-in = 1M\nrequire = enforced\n";
    const std::string stopped = "[jail]\nrecipe = web\nstate = stopped\n";
    const auto steps = [&] {
        const auto document = host.run({"apply", "-n", "--json"}).json();
        std::string text;
        for (const auto& action : document["results"][0]["actions"])
            text += (text.empty() ? "" : " ") + action["action"].get<std::string>();
        return text;
    };

    declare(host, "web", stopped + limits);
    CHECK(host.run({"apply"}).status == 77); // the network stays the host's
    declare(host, "web", stopped + "network = none\n" + limits);
    CHECK(steps() == "limits network");
    CHECK(host.run({"apply"}).status == 77);
    declare(host, "web", stopped + "network = private\nnat = no\n" + limits);
    CHECK(steps() == "network limits");
    if (::geteuid() != 0) // nobody else may give a jail a network
        return;

    well(host, {"apply"});
    CHECK(host.run({"apply", "-n"}).status == 0);
    declare(host, "web", stopped);
    CHECK(steps() == "limits network"); // else it would share the host's, and not start
    well(host, {"apply"});
    CHECK(host.run({"apply", "-n"}).status == 0);
}

TEST_CASE("jails that no file declares are told of, and removed only when that is asked for",
          "[flow][apply]") {
    const Host host;
    record(host, "web", {"tree-2.1"});
    record(host, "old", {"tree-2.1"});
    declare(host, "web", "[jail]\npackage = tree\n");

    CHECK(host.run({"apply", "-n"}).out == "jail web: nothing to do\n");
    const CommandResult told = host.run({"apply", "-n", "--orphans"});
    CHECK(told.status == 0);
    CHECK(told.out == "jail web: nothing to do\njail old: no file declares it\n");
    const CommandResult drift = host.run({"apply", "-n", "--orphans", "--remove-orphans"});
    CHECK(drift.status == 2);
    CHECK_THAT(drift.out,
               ContainsSubstring("jail old: would be destroyed, its data kept: no file declares it\n"));
    CHECK(host.run({"apply", "--orphans", "--remove-orphans"}).status == 64); // nobody can be asked
    CHECK(host.run({"list", "--json"}).json()["jails"].size() == 2);
    CHECK(host.run({"apply", "--remove-orphans"}).status == 64);
    CHECK(host.run({"apply", "--orphans", "web"}).status == 64);
}

TEST_CASE("a jail is printed as a declaration in which there is no drift", "[flow][apply]") {
    const Host host;
    record(host, "web", {"tool-1.0", "tree-2.1"});
    REQUIRE(host.run({"limits", "web", "memory=64M", "--limits", "web"}).status == 0);

    const CommandResult printed = host.run({"apply", "--export", "web"});

    CHECK(printed.status == 0);
    CHECK(printed.out == "[jail]\npackage = tool-1.0\npackage = tree-2.1\nlimits = web\n"
                         "\n[limits]\nmemory = 64M\n");
    declare(host, "web", printed.out);
    CHECK(host.run({"apply", "-n"}).status == 0);
    CHECK(host.run({"apply", "--export", "web", "--json"}).json()["declaration"] == printed.out);
    CHECK(host.run({"apply", "--export"}).status == 64);
    check_fails(host, {"apply", "--export", "wbe"}, 5,
                "pkgjail: apply: wbe: there is no jail of this name\nhint: did you mean \"web\"?\n");
}

TEST_CASE("a jail's declaration is printed into the file that the shell has made for it", "[flow][apply]") {
    const Host host;
    record(host, "web", {"tree-2.1"});
    declare(host, "web", "");

    const CommandResult printed =
        test::run_in_shell(host, "pkgjail apply --export web > \"$ETC/jails.d/web.jail\"");

    INFO(printed.err);
    CHECK(printed.status == 0);
    CHECK_THAT(printed.err, ContainsSubstring("pkgjail: note: ") && ContainsSubstring("/web.jail: ") &&
                                ContainsSubstring("requires, autostart, label, secret"));
    CHECK(test::read_bytes(host.etc() / "jails.d/web.jail") ==
          "[jail]\npackage = tree-2.1\nlimits = default\n");
    CHECK(host.run({"apply", "-n"}).out == "jail web: nothing to do\n");
}

TEST_CASE("doctor tells of each declaration that is wrong", "[flow][apply]") {
    const Host host;
    write_recipe(host, "db");
    declare(host, "db", "[jail]\nrecipe = db\n");
    CHECK_THAT(host.run({"doctor"}).out, ContainsSubstring("1 can be read"));
    declare(host, "empty", "");
    declare(host, "other", "[jail]\nrecipe = bd\n");

    const CommandResult result = host.run({"doctor", "--json"});

    CHECK(result.status == 2);
    const auto json = result.json();
    std::vector<std::string> bad;
    for (const auto& finding : json["findings"])
        if (finding["subject"] == "declarations" && finding["verdict"] == "BAD")
            bad.push_back(finding["text"]);
    REQUIRE(bad.size() == 2);
    CHECK_THAT(bad[0], ContainsSubstring("empty.jail: found no section [jail]"));
    CHECK_THAT(bad[1], ContainsSubstring("other.jail:2: recipe: found \"bd\""));
}

TEST_CASE("what a declaration requires holds for every command", "[flow][apply]") {
    const Host host;
    write_recipe(host, "db");
    declare(host, "db", "[jail]\nrecipe = db\nrequires = nobody\n");
    const Shop shop({package("db-1.0")});
    host.write_config("repositories.conf",
                      "[repository demo]\nurl = file://" + shop.path().string() + "\ntrust = none\n");

    check_fails(host, {"install", "db"}, 5,
                "pkgjail: install: nobody: there is no jail of this name, and jail db requires it\n"
                "hint: make it first: pkgjail install PACKAGE -j nobody\n");
}
