// Services that require others where one of these is down, comes down meanwhile, or has a supervisor that
// does not do its work: who is started and stopped then, and what is said.
#include <csignal>
#include <fstream>
#include <future>
#include <regex>
#include <thread>

#include <fmt/format.h>

#include "faults/required_jails.hpp"
#include "pkgjail/base/file.hpp"

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
    const std::string starts = (jails.world.top() / "out/starts").string();
    jails.write_recipe("cache", {}, "echo once >>" + starts + "; exit 1");

    const CommandResult changed = jails.world.run({"install", "extra", "-j", "db"});

    INFO(changed.err);
    CHECK(changed.status == 0);
    CHECK_THAT(changed.err, ContainsSubstring("start jail app, which requires db: cache: the service did not "
                                              "get ready: "));
    CHECK_THAT(changed.err, ContainsSubstring("the next command that changes something tries again"));
    CHECK(jails.of("db")["generation"] == 2);
    CHECK(jails.states() == "app:stopped cache:failed db:ready");
    const CommandResult next = jails.world.well({"gc"});
    CHECK_THAT(next.err, ContainsSubstring("jail app: cache: did not get ready when it was started last"));
    const CommandResult restarted = jails.world.run({"restart", "db"});
    CHECK(restarted.status == 4);
    CHECK_THAT(restarted.err, ContainsSubstring("start jail app, which requires db: cache: did not get ready "
                                                "when it was started last (exit status 1)"));
    CHECK_THAT(restarted.err, ContainsSubstring("pkgjail start app starts both, pkgjail stop app"));
    CHECK(jails.states() == "app:stopped cache:failed db:ready");
    CHECK(base::read_file(starts) == "once\n");
    jails.write_recipe("cache");
    jails.world.well({"start", "cache"});
    jails.world.well({"gc"});
    CHECK(jails.states() == "app:ready cache:ready db:ready");
}

TEST_CASE("nothing is stopped while the recipe of a jail that is required cannot be read",
          "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});
    jails.world.write("etc/recipes.d/db.recipe", "[recipe\n");

    const CommandResult refused = jails.world.run({"install", "extra", "-j", "app"});

    INFO(refused.err);
    CHECK(refused.status == 78);
    CHECK(jails.of("app")["generation"] == 1);
    jails.write_recipe("db");
    CHECK(jails.states() == "app:ready db:ready");
    jails.world.well({"install", "extra", "-j", "app"});
    CHECK(jails.states() == "app:ready db:ready");
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
        jails.world.well({"start", "db"});
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

TEST_CASE("a jail is not stopped that another one has come to need while the command waited",
          "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});
    jails.world.well({"stop", "app"});
    std::future<CommandResult> stop;
    {
        const base::Lock another = jails.lock("db");
        stop = std::async(std::launch::async, [&] {
            return jails.world.run({"--wait", "20", "stop", "db"});
        });
        std::this_thread::sleep_for(std::chrono::seconds(1)); // it has looked, and waits
        jails.world.well({"restart", "app"});
    }

    const CommandResult refused = stop.get();

    INFO(refused.err);
    CHECK(refused.status == 6);
    CHECK_THAT(refused.err, ContainsSubstring("db: is required by jail app, which runs"));
    CHECK(jails.states() == "app:ready db:ready");
}

TEST_CASE("a jail is not started on one that was stopped while it was prepared", "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.write_recipe("app", {"db"});
    jails.world.well({"install", "more", "-j", "app", "--recipe", "app", "--no-start"});
    const fs::path out = jails.world.top() / "out";
    std::ofstream(jails.world.top() / "etc/recipes.d/app.recipe", std::ios::app) << fmt::format(
        "[prepare]\npath = /var/rows\ncommand = /bin/sh -c \"touch {0}/begun {1}/var/rows/one; "
        "while [ ! -e {0}/go-on ]; do sleep 0.02; done\"\n",
        out.string(), jails.data("app").string());
    auto start = std::async(std::launch::async, [&] { return jails.world.run({"start", "app"}); });
    for (int round = 0; !fs::exists(out / "begun"); ++round) {
        REQUIRE(round < 500);
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }

    jails.world.well({"stop", "db"});
    std::ofstream(out / "go-on") << "";

    const CommandResult refused = start.get();
    INFO(refused.err);
    CHECK(refused.status == 3);
    CHECK_THAT(refused.err, ContainsSubstring("app: is not started, because jail db, which it requires, was "
                                              "ready and is stopped by now"));
    CHECK(jails.states() == "app:stopped db:stopped");
    jails.world.well({"start", "app"});
    CHECK(jails.states() == "app:ready db:ready");
}

TEST_CASE("a jail that comes up after what it requires went down is told of", "[faults][requires]") {
    const Jails jails;
    const fs::path go_on = jails.world.top() / "out/go-on";
    jails.make("db");
    SECTION("by who starts it") {
        jails.write_recipe("app", {"db"}, "while [ ! -e " + go_on.string() + " ]; do sleep 0.02; done");
        jails.world.well({"install", "more", "-j", "app", "--recipe", "app", "--no-start"});
        auto start = std::async(std::launch::async, [&] { return jails.world.run({"start", "app"}); });
        jails.wait_for("app", "starting");
        jails.end("db");
        std::ofstream(go_on) << "";

        const CommandResult started = start.get();
        INFO(started.err);
        CHECK(started.status == 0);
        CHECK_THAT(started.err, ContainsSubstring("jail app runs, but jail db, which it requires, was ready "
                                                  "and is failed by now; pkgjail restart app starts both"));
        CHECK(jails.states() == "app:ready db:failed");
    }
    SECTION("by who stops what it requires") {
        jails.write_recipe("app", {"db"});
        jails.world.well({"install", "more", "-j", "app", "--recipe", "app", "--no-start"});
        const pid_t supervisor = jails.of("db")["supervisor_pid"];
        REQUIRE(::kill(supervisor, SIGSTOP) == 0);
        auto stop = std::async(std::launch::async, [&] { return jails.world.run({"stop", "db"}); });
        std::this_thread::sleep_for(std::chrono::milliseconds(500)); // it has looked, and asks the supervisor
        const CommandResult started = jails.world.run({"restart", "app"});
        REQUIRE(::kill(supervisor, SIGCONT) == 0);

        const CommandResult stopped = stop.get();
        INFO(started.err << stopped.err);
        CHECK(started.status == 0);
        CHECK(stopped.status == 0);
        CHECK_THAT(stopped.err, ContainsSubstring("jail db was stopped, but jail app, which requires it, was "
                                                  "started meanwhile; pkgjail restart app starts both"));
        CHECK(jails.states() == "app:ready db:stopped");
    }
    const auto app = jails.of("app")["pid"];
    jails.world.well({"restart", "app"});
    CHECK(jails.states() == "app:ready db:ready");
    CHECK(jails.of("app")["pid"] != app);
}

TEST_CASE("a stop that is done is told as done, also where it cannot be seen who came up meanwhile",
          "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});
    jails.world.well({"stop", "app"});
    const std::string id = jails.of("app")["id"];
    unsigned long afterwards = 0;
    for (test::Fault fault{"eio", 1, false, "open /run/" + id};; ++fault.call) {
        jails.world.well({"start", "db"});
        const CommandResult stopped = jails.world.run_with(fault, {"stop", "db"});
        if (!jails.world.hit())
            break;
        INFO(fault.text() << ": " << stopped.err);
        if (jails.state("db") == "ready") {
            CHECK(stopped.status == 1);
            continue;
        }
        CHECK(jails.states() == "app:stopped db:stopped");
        CHECK(stopped.status == 0);
        CHECK_THAT(stopped.out, ContainsSubstring("db: stopped"));
        if (stopped.err.find("Input/output error") != std::string::npos)
            ++afterwards;
    }
    CHECK(afterwards > 0);
}

TEST_CASE("a jail that is down does not wait for who has one that is down because of it",
          "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});
    REQUIRE(jails.world.run({"restart", "db"}, no_start).status == 1);
    REQUIRE(jails.states() == "app:stopped db:stopped");
    {
        const base::Lock another = jails.lock("app"); // and waits for that of db
        const CommandResult next = jails.world.well({"gc"});
        INFO(next.err);
        CHECK(jails.states() == "app:stopped db:ready");
        CHECK(next.err.find("is held") == std::string::npos);
    }
    jails.world.well({"gc"});
    CHECK(jails.states() == "app:ready db:ready");
}

TEST_CASE("an installation that changes nothing leaves a service alone that is unhealthy for the moment",
          "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});
    fs::remove(jails.world.top() / "out/up-db");
    jails.wait_for("db", "unhealthy");
    const auto app = jails.of("app")["pid"], db = jails.of("db")["pid"];

    const CommandResult same = jails.world.run({"install", "more", "-j", "db"}, no_start);

    INFO(same.err);
    CHECK(same.status == 0);
    CHECK(jails.states() == "app:ready db:unhealthy");
    CHECK(jails.of("app")["pid"] == app);
    CHECK(jails.of("db")["pid"] == db);
}

TEST_CASE("a service that has lost its supervisor is not stopped under those that require it",
          "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});
    jails.make("web", {"db"});
    const auto lose_supervisor = [&] {
        REQUIRE(::kill(jails.of("db")["supervisor_pid"].get<pid_t>(), SIGKILL) == 0);
        jails.wait_for("db", "unsupervised");
    };

    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
             {"start", "db"}, {"install", "more", "-j", "db"}, {"restart", "app"}, {"start", "db", "web"}}) {
        lose_supervisor();
        const CommandResult done = jails.world.run(command);
        INFO(command.front() << ": " << done.err);
        CHECK(done.status == 0);
        CHECK_THAT(done.err,
                   ContainsSubstring("jail web is stopped for the time being, because it requires db"));
        CHECK_THAT(done.err, ContainsSubstring("jail web is started again"));
        CHECK(jails.states() == "app:ready db:ready web:ready");
        CHECK_THAT(jails.world.run({"doctor"}).out, ContainsSubstring("3 as they should be"));

        lose_supervisor();
        const CommandResult failed = jails.world.run(command, no_start);
        INFO(failed.err);
        CHECK(failed.status != 0);
        CHECK(jails.states() == "app:stopped db:stopped web:stopped");
        CHECK_THAT(jails.world.run({"doctor"}).out, ContainsSubstring("it is to be started again (restart)"));
        jails.world.well({"gc"});
        CHECK(jails.states() == "app:ready db:ready web:ready");
    }
}

TEST_CASE("a command does not wait for a jail that it is at work on itself", "[faults][requires]") {
    const Jails jails;
    jails.make("cache");
    jails.make("db");
    jails.make("app", {"cache", "db"});
    REQUIRE(::kill(jails.of("db")["supervisor_pid"].get<pid_t>(), SIGKILL) == 0);
    jails.wait_for("db", "unsupervised");
    jails.end("cache");
    SECTION("and that does not start") {
        jails.write_recipe("cache", {}, "exit 1");
        const CommandResult started = jails.world.run({"--wait", "5", "start", "cache", "db"});
        INFO(started.err);
        CHECK(started.status == 3);
        CHECK_THAT(started.err, ContainsSubstring("start jail app, which requires db: jail cache: this "
                                                  "command is at work on it itself"));
        CHECK_THAT(started.err, ContainsSubstring("cache: the service did not get ready: "));
        CHECK(jails.states() == "app:stopped cache:failed db:ready");
        jails.write_recipe("cache");
        jails.world.well({"start", "cache"});
        jails.world.well({"gc"});
    }
    SECTION("and that is about to be ready") {
        jails.write_recipe("cache", {}, "sleep 1");
        jails.world.well({"--wait", "5", "start", "cache", "db"});
    }
    CHECK(jails.states() == "app:ready cache:ready db:ready");
}

TEST_CASE("a service without supervisor that could not be started anew is started by the next command",
          "[faults][requires]") {
    const Jails jails;
    for (const char* name : {"one", "two"}) {
        jails.make(name);
        REQUIRE(::kill(jails.of(name)["supervisor_pid"].get<pid_t>(), SIGKILL) == 0);
        jails.wait_for(name, "unsupervised");
    }

    const CommandResult failed = jails.world.run({"start", "--all"}, no_start);

    INFO(failed.err);
    CHECK(failed.status == 1);
    CHECK(jails.states() == "one:stopped two:stopped");
    jails.world.well({"gc"});
    CHECK(jails.states() == "one:ready two:ready");
}

TEST_CASE("a service that takes its time to end when it did not get ready has failed, and was not stopped",
          "[faults][requires]") {
    const Jails jails;
    // Nobody waits this long for it to be ready.
    jails.write_recipe("db", {}, "while :; do sleep 0.02; done", "sleep 12");
    const fs::path recipe = jails.world.top() / "etc/recipes.d/db.recipe";
    std::string text = base::read_file(recipe.string());
    text = std::regex_replace(text, std::regex("grace = 10s"), "grace = 100ms\ntimeout = 100ms");
    std::ofstream(recipe) << std::regex_replace(text, std::regex("stop-timeout = 10s"), "stop-timeout = 20s");

    const CommandResult failed = jails.world.run({"install", "more", "-j", "db", "--recipe", "db"});

    INFO(failed.err);
    CHECK(failed.status == 4);
    CHECK_THAT(failed.err, ContainsSubstring("db: the service did not get ready: not ready within 100"));
    CHECK(jails.states() == "db:failed");
}

TEST_CASE("why a service did not get ready is told, also where what is left of it cannot be ended",
          "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.write_recipe("db", {}, "exit 1");
    SECTION("by a start") {
        jails.world.well({"stop", "db"});
        // The first one is that of the launch.
        const CommandResult failed =
            jails.world.run_with({"eio", 2, false, "open /launch.lock"}, {"start", "db"});
        INFO(failed.err);
        REQUIRE(jails.world.hit());
        CHECK(failed.status == 4);
        CHECK_THAT(failed.err, ContainsSubstring("db: the service did not get ready: "));
        CHECK_THAT(failed.err, ContainsSubstring("; and what is left of it cannot be ended: "));
        CHECK_THAT(failed.err, ContainsSubstring("launch.lock: open: Input/output error"));
    }
    SECTION("by a new generation, which is put back when it can be ended") {
        const CommandResult failed =
            jails.world.run_with({"eio", 2, true, "open /launch.lock"}, {"install", "extra", "-j", "db"});
        INFO(failed.err);
        REQUIRE(jails.world.hit());
        CHECK(failed.status == 1);
        CHECK_THAT(failed.err,
                   ContainsSubstring("roll generation 2 back, because the service did not get ready: "));
        CHECK_THAT(jails.world.run({"doctor"}).out, ContainsSubstring("(start 1)"));
        CHECK_THAT(jails.world.run({"gc"}).err, ContainsSubstring("generation 2 was rolled back"));
        CHECK(jails.of("db")["generation"] == 1);
    }
    jails.write_recipe("db");
    jails.world.well({"start", "db"});
    CHECK(jails.states() == "db:ready");
}

TEST_CASE("a network that cannot be put into the catalog takes nobody down", "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});

    bool was_hit = true;
    for (unsigned long write = 1; was_hit; write += 2) {
        const std::string other = jails.of("db")["network"] == "host" ? "none" : "host";
        jails.world.write("etc/jails.d/db.jail", "[jail]\nrecipe = db\nnetwork = " + other + "\n");
        // The disk of the catalog is full from there on.
        const CommandResult failed =
            jails.world.run_with({"enospc", write, true, "pwrite /catalog"}, {"apply"});
        was_hit = jails.world.hit().has_value();

        INFO("from write " << write << " on: " << failed.err);
        if (failed.status != 0) // what fails at the end, when all is done, is not told
            CHECK_THAT(failed.err, ContainsSubstring("disk is full") || ContainsSubstring("No space left"));
        CHECK(jails.states() == "app:ready db:ready");
        jails.world.well({"gc"});
        CHECK(jails.states() == "app:ready db:ready");
    }
}
