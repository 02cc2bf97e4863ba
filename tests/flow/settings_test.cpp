// Settings belong to a generation: whoever goes back gets those of then, and what they claim.
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include "flow/flow.hpp"
#include "flow/recorded.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/store/layout.hpp"
#include "support/catch.hpp"
#include "support/host_steps.hpp"

using namespace pkgjail;
using test::package;
using test::Shop;
using test::well;

namespace {

/// Jail web with port 8081 in generation 1 and 8082 in generation 2; snapshot `first` is of generation 1.
class TwoPorts {
  public:
    TwoPorts() : shop_({package("web-1.0"), package("extra-1.0")}) {
        write_recipe("port");
        well(host(), {"update"});
        well(host(), {"install", "web", "--no-start", "--set", "port=8081"});
        well(host(), {"snapshot", "web", "first"});
        declare("8082");
        well(host(), {"apply"});
    }
    const test::Host& host() const { return shop_.host(); }
    /// With this name for the port's number.
    void write_recipe(const std::string& key) const {
        host().write_config("recipes.d/web.recipe", "[recipe]\nsummary = a test\npackage = web\n"
                                                    "[set]\n" +
                                                        key +
                                                        " = 8080\n"
                                                        "[service]\ncommand = /bin/true\n"
                                                        "[network]\nclaim = tcp:${" +
                                                        key +
                                                        "}\n"
                                                        "[file /etc/port.conf]\nsource = port.conf\n");
        host().write_config("recipes.d/port.conf", "port ${" + key + "}\n");
    }
    void declare(const std::string& port) const {
        host().write_config("jails.d/web.jail",
                            "[jail]\nrecipe = web\nstate = stopped\n[set]\nport = " + port + "\n");
    }
    catalog::Jail jail(const std::string& name = "web") const {
        catalog::Catalog catalog = test::open_catalog(host());
        return catalog::Jails(catalog).find(name).value();
    }
    /// "setting, claim, file": "8081 8081 port 8081\n".
    std::string port(const std::string& name = "web") const {
        const catalog::Jail found = jail(name);
        REQUIRE(found.claims.size() == 1);
        return found.settings.at("port") + " " + std::to_string(found.claims.front().port) + " " +
               base::read_file(store::Layout(host().state()).jail_config(found.id, found.current) /
                               "etc/port.conf");
    }

  private:
    Shop shop_;
};

const std::string first = "8081 8081 port 8081\n";
const std::string second = "8082 8082 port 8082\n";

} // namespace

TEST_CASE("a rollback takes settings and claims along, and forward again too", "[flow][settings]") {
    const TwoPorts world;
    REQUIRE(world.port() == second);

    well(world.host(), {"rollback", "web"});
    CHECK(world.port() == first);
    CHECK(world.host().run({"apply", "-n"}).status == 2); // declared is another one
    well(world.host(), {"rollback", "web", "2"});

    CHECK(world.port() == second);
    CHECK(world.host().run({"apply", "-n"}).status == 0);
    test::check_sound(world.host());
}

TEST_CASE("a rollback or restore to a port that another jail has by now is refused before anything is done",
          "[flow][settings]") {
    const TwoPorts world;
    well(world.host(), {"install", "web", "-j", "other", "--no-start", "--set", "port=8081"});

    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"rollback", "web"}, {"restore", "web", "first", "--yes"}}) {
        INFO(command.front());
        const test::CommandResult refused = world.host().run(command);
        CHECK(refused.status == 6);
        CHECK_THAT(refused.err, ContainsSubstring("8081") && ContainsSubstring("other"));
        CHECK(world.port() == second);
        CHECK_FALSE(world.jail().operation);
    }
    CHECK(test::generations(world.host(), "web") == "1 2*");
    test::check_sound(world.host());
}

TEST_CASE("a restore, a clone and an export of a snapshot have the settings of then", "[flow][settings]") {
    const TwoPorts world;
    const std::string archive = (world.host().etc() / "first.tar").string();

    well(world.host(), {"restore", "web", "first", "--yes"});
    CHECK(world.port() == first);
    well(world.host(), {"rollback", "web", "2"});
    REQUIRE(world.port() == second);
    well(world.host(), {"export", "web@first", archive});
    well(world.host(), {"rename", "web", "was"});
    CHECK(world.port("was") == second);
    well(world.host(), {"clone", "was@first", "copy", "--no-start"});
    CHECK(world.port("copy") == first);
    well(world.host(), {"destroy", "copy", "--with-data", "--yes"});
    well(world.host(), {"import", archive, "web", "--no-start"});

    CHECK(world.port() == first);
    test::check_sound(world.host());
}

TEST_CASE("another package set keeps the settings of the generation that it is made from",
          "[flow][settings]") {
    const TwoPorts world;
    well(world.host(), {"rollback", "web"});

    well(world.host(), {"install", "extra", "-j", "web"});

    CHECK(test::generations(world.host(), "web") == "1 2 3*");
    CHECK(world.port() == first);
}

TEST_CASE("a rebuilt catalog has the settings of every generation and snapshot", "[flow][settings]") {
    const TwoPorts world;
    std::filesystem::remove(store::Layout(world.host().state()).catalog());

    well(world.host(), {"catalog", "rebuild"});

    CHECK(world.port() == second);
    well(world.host(), {"rollback", "web", "1"});
    CHECK(world.port() == first);
    well(world.host(), {"rollback", "web", "2"});
    well(world.host(), {"restore", "web", "first", "--yes"});
    CHECK(world.port() == first);
}

TEST_CASE("a snapshot's record of an older pkgjail gets the settings that the catalog has for it",
          "[flow][settings]") {
    const TwoPorts world;
    const store::Layout layout(world.host().state());
    const auto snapshots = well(world.host(), {"snapshots", "web", "--json"}).json()["snapshots"];
    const base::HostPath file = layout.snapshot(snapshots.at(0)["id"].get<std::string>()) / "snapshot.json";
    nlohmann::json record = nlohmann::json::parse(base::read_file(file));
    SECTION("it had none") {
        record.erase("settings");
    }
    SECTION("it had others") {
        record["settings"]["port"] = "8083";
    }
    std::ofstream(file) << record;
    CHECK_THAT(world.host().run({"catalog", "check"}).out,
               ContainsSubstring("snapshot first of jail web: snapshot.json tells other settings than the "
                                 "catalog; any changing command writes them again"));

    well(world.host(), {"gc"});

    test::check_sound(world.host());
    std::filesystem::remove(layout.catalog());
    well(world.host(), {"catalog", "rebuild"});
    well(world.host(), {"restore", "web", "first", "--yes"});
    CHECK(world.port() == first);
}

TEST_CASE("a snapshot's record that tells another generation is left for a check to tell",
          "[flow][settings]") {
    const TwoPorts world;
    const auto snapshots = well(world.host(), {"snapshots", "web", "--json"}).json()["snapshots"];
    const base::HostPath file =
        store::Layout(world.host().state()).snapshot(snapshots.at(0)["id"].get<std::string>()) /
        "snapshot.json";
    nlohmann::json record = nlohmann::json::parse(base::read_file(file));
    record["generation"] = 2;
    record.erase("settings");
    std::ofstream(file) << record;

    well(world.host(), {"gc"});

    CHECK(nlohmann::json::parse(base::read_file(file)) == record);
    CHECK_THAT(world.host().run({"catalog", "check"}).out,
               ContainsSubstring("tells another image, jail or "));
}

TEST_CASE("what the recipe does not have any more is left out by whoever goes back, and named",
          "[flow][settings]") {
    const TwoPorts world;
    const std::string archive = (world.host().etc() / "first.tar").string();
    world.write_recipe("listen");
    world.host().write_config("jails.d/web.jail",
                              "[jail]\nrecipe = web\nstate = stopped\n[set]\nlisten = 8084\n");
    well(world.host(), {"apply"});
    const auto claim = [&](const std::string& name) { return world.jail(name).claims.at(0).port; };
    REQUIRE(claim("web") == 8084);
    const auto lost = [](const std::string& jail, int generation) {
        return ContainsSubstring("jail " + jail + ": generation " + std::to_string(generation) +
                                 " has port=8081, which is left out, because recipe web does not have port "
                                 "any more");
    };

    CHECK_THAT(well(world.host(), {"rollback", "web", "1"}).err, lost("web", 1));
    CHECK(claim("web") == 8080);
    well(world.host(), {"rollback", "web", "3"});
    CHECK(claim("web") == 8084);
    CHECK_THAT(well(world.host(), {"restore", "web", "first", "--yes"}).err, lost("web", 4));
    CHECK(claim("web") == 8080);
    well(world.host(), {"rollback", "web", "3"});
    // The recipe of then brings the values of then back.
    world.write_recipe("port");
    well(world.host(), {"rollback", "web", "1"});
    CHECK(world.port() == first);
    world.write_recipe("listen");

    CHECK_THAT(well(world.host(), {"clone", "web@first", "copy", "--no-start", "--set", "listen=8085"}).err,
               lost("copy", 1));
    CHECK(claim("copy") == 8085);
    CHECK(world.jail("copy").settings == std::map<std::string, std::string>{{"listen", "8085"}});
    CHECK(well(world.host(), {"export", "web@first", archive}).err.find("port") == std::string::npos);
    CHECK_THAT(well(world.host(), {"import", archive, "again", "--no-start", "--set", "listen=8086"}).err,
               lost("again", 1));
    CHECK(claim("again") == 8086);
    // What is asked for now has to be right.
    CHECK(world.host().run({"clone", "web@first", "third", "--no-start", "--set", "port=8087"}).status == 64);
    CHECK(world.host().run({"import", archive, "third", "--no-start", "--set", "port=8087"}).status == 64);

    // What is declared is told apart from what is left out.
    CHECK_THAT(world.host().run({"apply", "-n"}).out,
               ContainsSubstring("port is 8081, which recipe web does not have any more"));
    well(world.host(), {"apply"});
    CHECK(world.jail().settings == std::map<std::string, std::string>{{"listen", "8084"}});
    test::check_sound(world.host());
}

TEST_CASE("a snapshot is exported though the jail's recipe is gone", "[flow][settings]") {
    const TwoPorts world;
    std::filesystem::remove(world.host().etc() / "recipes.d/web.recipe");

    well(world.host(), {"export", "web@first", (world.host().etc() / "first.tar").string()});
}

TEST_CASE("values of then that the recipe does not take any more are named", "[flow][settings]") {
    const TwoPorts world;
    world.host().write_config("recipes.d/web.recipe", "[recipe]\nsummary = a test\npackage = web\n"
                                                      "[set]\nport = 1\n"
                                                      "[service]\ncommand = /bin/true\n"
                                                      "[network]\nclaim = tcp:${port}1\n");

    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"rollback", "web"}, {"restore", "web", "first", "--yes"}}) {
        const test::CommandResult refused = world.host().run(command);
        INFO(refused.err);
        CHECK(refused.status == 78);
        CHECK_THAT(refused.err,
                   ContainsSubstring("web: recipe web does not go with its values of then, port=8081: ") &&
                       ContainsSubstring("put the recipe back as it was"));
    }
    CHECK(world.jail().current == 2);
}
