// Settings and ports of jails that run, while something else happens to them or to the host.
#include <filesystem>
#include <fstream>
#include <future>

#include "faults/required_jails.hpp"
#include "pkgjail/catalog/catalog.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "support/catch.hpp"
#include "support/wait_until.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Jails;
using test::no_start;

namespace fs = std::filesystem;

namespace {

/// Jail web, which claims port one() in generation 1 and two() in generation 2, where that is applied;
/// snapshot `first` is of generation 1. Its service ends slowly while there is the file out/slow.
class TwoPorts {
  public:
    TwoPorts() {
        write_recipe("port");
        world().well({"install", "more", "-j", "web", "--recipe", "web", "--set", "port=" + one()});
        world().well({"snapshot", "web", "first"});
        declare("port", two());
    }
    /// With this name for the port's number.
    void write_recipe(const std::string& key) const {
        const std::string slowly =
            "while [ -e " + out("slow") + " ]; do touch " + out("ending") + "; sleep 0.02; done";
        jails_.write_recipe("web", {}, ":", slowly);
        std::ofstream(world().top() / "etc/recipes.d/web.recipe", std::ios::app)
            << "[set]\n"
            << key << " = 18080\n[network]\nclaim = tcp:${" << key
            << "}\n[data]\npre-snapshot = /bin/sh -c \"" << slowly << "\"\n";
    }
    void declare(const std::string& key, const std::string& value) const {
        world().write("etc/jails.d/web.jail",
                      "[jail]\nrecipe = web\nstate = running\n[set]\n" + key + " = " + value + "\n");
    }
    const test::World& world() const { return jails_.world; }
    const Jails& jails() const { return jails_; }
    static std::string one() { return "18081"; }
    static std::string two() { return "18082"; }
    void install(const std::string& name, const std::string& port) const {
        world().well(
            {"install", "more", "-j", name, "--recipe", "web", "--set", "port=" + port, "--no-start"});
    }
    /// A command on web is in the middle of it: its service is on its way down, or quiet.
    template <class Work>
    CommandResult meanwhile(const std::vector<std::string>& command, Work&& work) const {
        std::ofstream(out("slow")) << "";
        auto run = std::async(std::launch::async, [&] { return world().run(command); });
        const bool is_ending = test::wait_until([&] { return fs::exists(out("ending")); });
        if (is_ending)
            work();
        fs::remove(out("slow"));
        const CommandResult result = run.get();
        INFO(result.err);
        REQUIRE(is_ending);
        return result;
    }
    /// "18081 18081": setting and claim of the current generation, "18081 " where it claims nothing.
    std::string port(const std::string& name = "web") const {
        catalog::Catalog catalog = catalog::Catalog::open(base::HostPath(world().state()) / "catalog.sqlite");
        const catalog::Jail jail = catalog::Jails(catalog).find(name).value();
        std::string text = jail.settings.at("port") + " ";
        for (const catalog::PortClaimRow& claim : jail.claims)
            text += std::to_string(claim.port);
        return text;
    }
    void change_catalog(const std::string& sql) const {
        catalog::Database database(base::HostPath(world().state()) / "catalog.sqlite",
                                   catalog::Database::Mode::read_write, std::chrono::seconds(5));
        database.execute(sql.c_str());
    }

  private:
    std::string out(const std::string& name) const { return (world().top() / "out" / name).string(); }

    const Jails jails_;
};

} // namespace

TEST_CASE("settings in the note of an older pkgjail come back with their generation", "[faults][settings]") {
    const TwoPorts two;
    two.jails().cut("switch.committed", {"apply"});
    REQUIRE(two.port() == two.two() + " " + two.two());
    // What the schema before makes of it: every generation has what the jail has.
    two.change_catalog("UPDATE generation_setting SET value = '" + two.two() +
                       "'; UPDATE jail SET operation = 'start 1 {\"port\":\"" + two.one() +
                       "\"}'; DROP TABLE known_plan; PRAGMA user_version = 15");

    SECTION("when the new one is not good") {
        CHECK_THAT(two.world().run({"gc"}, no_start).err, ContainsSubstring("generation 2 was rolled back"));
    }
    SECTION("when the new one was good, by a rollback") {
        two.world().well({"gc"});
        CHECK(two.port() == two.two() + " " + two.two());
        two.world().well({"rollback", "web"});
    }

    CHECK(two.jails().of("web")["generation"] == 1);
    CHECK(two.port() == two.one() + " " + two.one());
}

TEST_CASE("a port that another jail took while its first one was going back to it stays that one's",
          "[faults][settings]") {
    const TwoPorts two;
    two.world().well({"apply"});
    std::vector<std::string> command;
    SECTION("by a restore") {
        command = {"restore", "web", "first", "--yes"};
    }
    SECTION("by a rollback") {
        command = {"rollback", "web"};
    }

    const CommandResult refused = two.meanwhile(command, [&] { two.install("other", two.one()); });

    INFO(refused.err);
    CHECK(refused.status == 6);
    CHECK_THAT(refused.err, ContainsSubstring("web: port tcp:" + two.one() + " is claimed by jail other"));
    CHECK(two.port() == two.two() + " " + two.two());
    CHECK(two.port("other") == two.one() + " " + two.one());
    CHECK(two.jails().states() == "other:stopped web:ready");
    CHECK(two.jails().of("web")["generation"] == 2);
    CHECK(two.world().well({"gc"}).err.find("was interrupted") == std::string::npos);
}

TEST_CASE(
    "a port that another jail took while it was to be a clone's, or another setting's, stays that one's",
    "[faults][settings]") {
    const TwoPorts two;
    std::vector<std::string> command;
    SECTION("by a clone") {
        command = {"clone", "web", "copy", "--no-start", "--set", "port=" + two.two()};
    }
    SECTION("by apply") {
        command = {"apply"};
    }

    const CommandResult refused = two.meanwhile(command, [&] { two.install("other", two.two()); });

    INFO(refused.err);
    CHECK(refused.status != 0);
    CHECK_THAT(refused.err, ContainsSubstring("port tcp:" + two.two() + ": is claimed by jail other"));
    CHECK(two.port("other") == two.two() + " " + two.two());
    CHECK(two.jails().states() == "other:stopped web:ready");
    CHECK(two.port() == two.one() + " " + two.one());
}

TEST_CASE("a generation that is put back does without the port that another jail has by now",
          "[faults][settings]") {
    const TwoPorts two;
    two.jails().cut("switch.committed", {"apply"});
    {
        const base::Lock another = two.jails().lock("web"); // so that it cannot be proven now
        two.install("other", two.one());
    }

    const CommandResult next = two.world().run({"gc"}, no_start);

    INFO(next.err);
    CHECK_THAT(next.err, ContainsSubstring("jail web: port tcp:" + two.one() + " is claimed by jail other"));
    CHECK_THAT(next.err, ContainsSubstring("generation 1 is current again, but does not start either: port "
                                           "tcp:" +
                                           two.one() + ": is claimed by jail other"));
    CHECK(two.port() == two.one() + " ");
    CHECK(two.port("other") == two.one() + " " + two.one());
    two.world().well({"destroy", "other", "--with-data", "--yes"});
    two.world().well({"start", "web"});
    CHECK(two.port() == two.one() + " " + two.one());
}

TEST_CASE("a service runs again after its recipe has lost a value that the way back had",
          "[faults][settings]") {
    const TwoPorts two;
    two.write_recipe("listen");
    two.declare("listen", two.two());
    const auto is_named = ContainsSubstring("jail web: generation 1 has port=" + two.one() +
                                            ", which is left out, because recipe web does not have port "
                                            "any more");
    SECTION("by a rollback") {
        two.world().well({"apply"});
        CHECK_THAT(two.world().well({"rollback", "web"}).err, is_named);
    }
    SECTION("by itself, and it is started later") {
        CHECK_THAT(two.world().run({"apply"}, no_start).err,
                   ContainsSubstring("generation 2 was rolled back"));
        CHECK(two.port() == two.one() + " 18080");
        CHECK_THAT(two.world().well({"start", "web"}).err, is_named);
    }

    CHECK(two.jails().of("web")["generation"] == 1);
    CHECK(two.jails().states() == "web:ready");
    CHECK(two.port() == two.one() + " 18080");
}
