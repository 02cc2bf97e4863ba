// Services that require others where one of these is down, comes down meanwhile, or has a supervisor that
// does not do its work: who is started and stopped then, and what is said.
#include <csignal>
#include <fstream>
#include <future>
#include <thread>

#include <fmt/format.h>

#include "faults/required_jails.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Jails;
using test::no_start;

namespace fs = std::filesystem;

TEST_CASE("a good generation stays where something else does not run that those require who require its jail",
          "[faults][requires]") {
    const Jails jails;
    jails.make("cache");
    jails.make("db");
    jails.make("app", {"db", "cache"});
    jails.end("cache");
    jails.write_recipe("cache", {}, "exit 1");

    const CommandResult changed = jails.world.run({"install", "extra", "-j", "db"});

    INFO(changed.err);
    CHECK(changed.status == 0);
    CHECK_THAT(changed.err, ContainsSubstring("start jail app, which requires db: cache: the service did not "
                                              "get ready: "));
    CHECK_THAT(changed.err, ContainsSubstring("the next command that changes something tries again"));
    CHECK(jails.of("db")["generation"] == 2);
    CHECK(jails.states() == "app:stopped cache:failed db:ready");
    const CommandResult next = jails.world.well({"gc"});
    CHECK_THAT(next.err, ContainsSubstring("the next command tries again"));
    CHECK(jails.states() == "app:stopped cache:failed db:ready");
    jails.write_recipe("cache");
    jails.world.well({"gc"});
    CHECK(jails.states() == "app:ready cache:ready db:ready");
}

TEST_CASE("a generation whose jail requires one that does not run is proven when that runs",
          "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});
    const std::vector<std::string> install = {"install", "extra", "-j", "app"};
    bool is_good = true;
    SECTION("where that does not start") {
        jails.end("db");
        jails.write_recipe("db", {}, "exit 1");
        const CommandResult changed = jails.world.run(install);
        INFO(changed.err);
        CHECK(changed.status == 4);
        CHECK_THAT(changed.err, ContainsSubstring("generation 2 is not proven yet: db: the service did not "
                                                  "get ready: "));
        CHECK(changed.err.find("rolled back") == std::string::npos);
        CHECK(jails.states() == "app:stopped db:failed");
        jails.write_recipe("db");
    }
    SECTION("where it is unhealthy, and the generation is no good") {
        is_good = false;
        fs::remove(jails.world.top() / "out/up-db");
        jails.wait_for("db", "unhealthy");
        const CommandResult changed = jails.world.run(install);
        INFO(changed.err);
        CHECK(changed.status == 4);
        CHECK_THAT(changed.err, ContainsSubstring("generation 2 is not proven yet: db: is unhealthy, and has "
                                                  "to be ready first"));
        CHECK(changed.err.find("rolled back") == std::string::npos);
        CHECK(jails.states() == "app:stopped db:unhealthy");
        std::ofstream(jails.world.top() / "out/up-db") << "";
        jails.wait_for("db", "ready");
    }
    CHECK_THAT(jails.world.run({"doctor"}).out, ContainsSubstring("(start 1)"));
    if (is_good) {
        jails.world.well({"gc"});
        CHECK(jails.of("app")["generation"] == 2);
    } else {
        CHECK_THAT(jails.world.run({"gc"}, no_start).err, ContainsSubstring("generation 2 was rolled back"));
        CHECK(jails.of("app")["generation"] == 1);
    }
    jails.world.well({"gc"});
    CHECK(jails.states() == "app:ready db:ready");
}
