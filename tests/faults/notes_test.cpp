// What a command leaves noted on a jail when it dies or fails: who may go on nevertheless, who puts it right,
// and that nothing of it is lost. Services are ordinary processes (process_driver.cpp).
#include <fstream>
#include <future>
#include <optional>
#include <regex>
#include <thread>

#include <signal.h>

#include "faults/required_jails.hpp"
#include "pkgjail/base/file.hpp"
#include "support/catch.hpp"
#include "support/wait_until.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Jails;
using test::no_start;

namespace fs = std::filesystem;

namespace {

/// Data of db, and a snapshot from before there were any.
fs::path write_rows(const Jails& jails) {
    jails.world.well({"snapshot", "db", "now"});
    const fs::path rows = jails.data("db") / "rows";
    std::ofstream(rows) << "many";
    return rows;
}

/// Whether no process of a jail is paused any more, soon.
bool go_on(const Jails& jails) {
    return test::wait_until([&] { return jails.world.running().find("paused") == std::string::npos; });
}

} // namespace

TEST_CASE("a jail is not destroyed while its data are elsewhere, unless with them", "[faults][notes]") {
    const Jails jails;
    jails.make("db");
    const fs::path rows = write_rows(jails);
    jails.cut("restore.data_placed", {"restore", "db", "now", "--yes"});
    jails.world.run_with({"eio", 1, true, "rename /data"}, {"drop", "db", "now", "--yes"});
    REQUIRE(jails.world.hit());
    REQUIRE_FALSE(fs::exists(rows));

    SECTION("without them") {
        const CommandResult refused =
            jails.world.run_with({"eio", 1, false, "rename /data"}, {"destroy", "db"});
        INFO(refused.err);
        CHECK(jails.world.hit());
        CHECK(refused.status == 6);
        CHECK_THAT(refused.err,
                   ContainsSubstring("db: has to be put right first: a command was interrupted (restore "));
        jails.world.well({"gc"});
        CHECK(jails.states() == "db:ready");
        CHECK(fs::exists(rows));
        CHECK_THAT(jails.world.well({"destroy", "db"}).err, ContainsSubstring("data of jail db is kept in "));
        CHECK(fs::exists(rows));
    }
    SECTION("with them") {
        const CommandResult destroyed = jails.world.run_with({"eio", 1, false, "rename /data"},
                                                             {"destroy", "--with-data", "--yes", "db"});
        INFO(destroyed.err);
        CHECK(jails.world.hit());
        CHECK(destroyed.status == 0);
        jails.world.well({"gc"});
        CHECK(jails.states().empty());
        CHECK(jails.world.names(jails.world.state() / "snapshots").empty());
    }
}

TEST_CASE("no command is run in a jail that does not run while its data are elsewhere", "[faults][notes]") {
    const Jails jails;
    jails.make("db");
    const fs::path rows = write_rows(jails);
    const fs::path data = rows.parent_path();
    jails.cut("restore.data_placed", {"restore", "db", "now", "--yes"});

    const CommandResult refused =
        jails.world.run({"exec", "db", "--", "/usr/bin/touch", (data / "new").string()});

    INFO(refused.err);
    CHECK(refused.status == 6);
    CHECK_THAT(refused.err,
               ContainsSubstring("db: has to be put right first: a command was interrupted (restore "));
    CHECK_FALSE(fs::exists(data / "new"));
    jails.world.well({"gc"});
    CHECK(fs::exists(rows));
    jails.world.well({"stop", "db"});
    jails.world.well({"exec", "db", "--", "/usr/bin/touch", (data / "new").string()});
    CHECK(fs::exists(data / "new"));
}

TEST_CASE("a command that has waited for a jail puts right what a dead one left there", "[faults][notes]") {
    const Jails jails;
    const fs::path out = jails.world.top() / "out";
    jails.write_recipe("db", {}, ":", "touch " + (out / "ended").string());
    std::ofstream(jails.world.top() / "etc/recipes.d/db.recipe", std::ios::app)
        << "[data]\npre-snapshot = /usr/bin/true\nsnapshot-pause = yes\npost-snapshot = /usr/bin/touch "
        << (out / "resumed").string() << '\n';
    jails.world.well({"install", "more", "-j", "db", "--recipe", "db"});
    jails.cut("pause.paused", {"snapshot", "db", "now"});
    std::optional<base::Lock> another = jails.lock("db"); // as if that one were alive
    auto restart = std::async(std::launch::async, [&] {
        return jails.world.run({"--wait", "10", "restart", "db"});
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(500));

    another.reset();

    const CommandResult restarted = restart.get();
    INFO(restarted.err);
    CHECK(restarted.status == 0);
    CHECK_THAT(restarted.err, ContainsSubstring("jail db: a command was interrupted (quiet)"));
    CHECK(fs::exists(out / "resumed"));
    CHECK(fs::exists(out / "ended"));
    CHECK(jails.states() == "db:ready");
}

TEST_CASE("a jail goes on when the command that paused it is killed, before any other one",
          "[faults][notes]") {
    const Jails jails;
    jails.make("db");
    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
             {"snapshot", "db", "now"},
             {"clone", "db", "twin", "--no-start"},
             {"export", "db", (jails.world.top() / "out/db.tar").string()}}) {
        INFO(command.front());
        jails.cut("pause.paused", command);
        CHECK(go_on(jails));
        CHECK(jails.states().starts_with("db:ready"));
        jails.world.well({"gc"});
    }
}

TEST_CASE("a jail that a dead command left paused goes down with what it requires", "[faults][notes]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});
    jails.cut("pause.paused", {"snapshot", "app", "now"});
    const pid_t app = jails.of("app")["pid"];
    // Who was to have it go on was killed as well.
    REQUIRE(go_on(jails));
    REQUIRE(::kill(app, SIGSTOP) == 0);
    std::optional<base::Lock> another = jails.lock("app");
    auto restart = std::async(std::launch::async, [&] {
        return jails.world.run({"--wait", "10", "restart", "db"});
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(500));

    another.reset();

    const CommandResult restarted = restart.get();
    INFO(restarted.err);
    CHECK(restarted.status == 0);
    CHECK_THAT(restarted.err, ContainsSubstring("jail app is stopped for the time being"));
    CHECK(jails.of("app")["pid"] != app);
    CHECK(jails.states() == "app:ready db:ready");
}

TEST_CASE("what a restore has set aside is no snapshot of a rebuilt catalog before the restore is done",
          "[faults][notes][rebuild]") {
    const Jails jails;
    jails.make("db");
    const fs::path rows = write_rows(jails);
    jails.cut("restore.data_placed", {"restore", "db", "now", "--yes"});

    jails.world.well({"catalog", "rebuild"});

    const CommandResult next = jails.world.well({"gc"});
    CHECK_THAT(next.err, ContainsSubstring("a command was interrupted (restore "));
    CHECK(fs::exists(rows));
    const nlohmann::json snapshots = jails.world.well({"snapshots", "db", "--json"}).json()["snapshots"];
    REQUIRE(snapshots.size() == 1);
    CHECK(snapshots[0]["snapshot"] == "now");
    jails.world.well({"drop", "db", "now", "--yes"});
    jails.world.well({"destroy", "db"});
}

TEST_CASE("a generation that could not be tried is still not proven", "[faults][notes]") {
    const Jails jails;
    jails.make("db");
    jails.cut("switch.committed", {"install", "extra", "-j", "db"});
    jails.world.write("etc/recipes.d/db.recipe", "[recipe\n");
    CHECK_THAT(jails.world.run({"gc"}).err, ContainsSubstring("the next command tries again"));

    SECTION("and is proven once it can be") {
        jails.write_recipe("db");
        jails.world.well({"gc"});
        CHECK(jails.of("db")["generation"] == 2);
        CHECK(jails.states() == "db:ready");
    }
    SECTION("and is put back if it is not good") {
        jails.write_recipe("db");
        CHECK_THAT(jails.world.run({"gc"}, no_start).err, ContainsSubstring("generation 2 was rolled back"));
        jails.world.well({"gc"});
        CHECK(jails.of("db")["generation"] == 1);
        CHECK(jails.states() == "db:ready");
    }
    CHECK(jails.world.run({"doctor"}).out.find("before generation 2 had proved itself") == std::string::npos);
}

TEST_CASE("a generation that a killed command has got ready is not started again to be proven",
          "[faults][notes]") {
    const Jails jails;
    jails.make("db");
    jails.cut("start.settled", {"install", "extra", "-j", "db"});
    const auto pid = jails.of("db")["pid"];
    REQUIRE(pid.is_number());

    SECTION("where nobody requires it") {
        const CommandResult next = jails.world.well({"gc"});
        CHECK_THAT(next.err, ContainsSubstring("jail db: a command was interrupted before generation 2 had "
                                               "proved itself; generation 2 is current\n"));
        CHECK_THAT(next.err, ContainsSubstring("jail db: generation 2 runs and has proved itself\n"));
        CHECK(jails.of("db")["pid"] == pid);
    }
    SECTION("unless it has ended meanwhile") {
        jails.end("db");
        jails.write_recipe("db");
        CHECK_THAT(jails.world.well({"gc"}).err, ContainsSubstring("jail db: started again\n"));
    }
    SECTION("or has been left without its supervisor") {
        REQUIRE(::kill(jails.of("db")["supervisor_pid"].get<pid_t>(), SIGKILL) == 0);
        jails.wait_for("db", "unsupervised");
        CHECK_THAT(jails.world.well({"gc"}).err, ContainsSubstring("jail db: started again\n"));
        CHECK(jails.of("db")["pid"] != pid);
    }
    CHECK(jails.of("db")["generation"] == 2);
    CHECK(jails.states() == "db:ready");
    CHECK(jails.world.run({"doctor"}).out.find("proved itself") == std::string::npos);
}

TEST_CASE("no command has a note of its own before the current generation is proven", "[faults][notes]") {
    const Jails jails;
    jails.make("cache");
    jails.make("db", {"cache"});
    jails.world.well({"snapshot", "db", "now"});
    jails.end("cache");
    jails.cut("switch.committed", {"install", "extra", "-j", "db"});
    {
        const base::Lock another = jails.lock("cache"); // so that it cannot be proven now
        for (const std::vector<std::string>& command :
             std::vector<std::vector<std::string>>{{"restart", "db"},
                                                   {"remove", "extra", "-j", "db"},
                                                   {"rollback", "db"},
                                                   {"restore", "db", "now", "--yes"}}) {
            const CommandResult refused = jails.world.run(command);
            INFO(command.front() << ": " << refused.err);
            CHECK(refused.status == 6);
            CHECK_THAT(refused.err, ContainsSubstring("db: has to be put right first: a command was "
                                                      "interrupted before generation 2 had proved itself"));
            CHECK_THAT(jails.world.run({"doctor"}).out,
                       ContainsSubstring("before generation 2 had proved itself"));
        }
        CHECK(jails.of("db")["generation"] == 2);
    }
    jails.write_recipe("db", {"cache"}, "exit 1");
    CHECK_THAT(jails.world.well({"gc"}).err, ContainsSubstring("generation 2 was rolled back"));
    CHECK(jails.of("db")["generation"] == 1);
}

TEST_CASE("a command that a note hinders is refused before anything is fetched or built", "[faults][notes]") {
    const Jails jails;
    jails.make("cache");
    jails.make("db", {"cache"});
    jails.make("other");
    jails.end("cache");
    jails.cut("switch.committed", {"install", "extra", "-j", "db"});
    jails.world.offer({test::package("more-2.0"), test::package("extra-1.0"), test::package("third-1.0")});
    const base::Lock another = jails.lock("cache"); // so that it cannot be proven
    jails.world.well({"update"});
    const auto made = [&] {
        return jails.world.names(jails.world.state() / "cache") + "\n" +
               jails.world.names(jails.world.state() / "images");
    };
    const std::string before = made();

    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
             {"upgrade", "db"}, {"install", "third", "-j", "db"}, {"remove", "extra", "-j", "db"}}) {
        const CommandResult refused = jails.world.run(command);
        INFO(command.front() << ": " << refused.err);
        CHECK(refused.status == 6);
        CHECK_THAT(refused.err, ContainsSubstring("db: has to be put right first: "));
        CHECK(made() == before);
    }
    SECTION("also one of several") {
        jails.world.well({"hold", "more", "-j", "other"});
        const CommandResult upgraded = jails.world.run({"upgrade", "db", "other"});
        INFO(upgraded.err);
        CHECK(upgraded.status == 3);
        CHECK_THAT(upgraded.err, ContainsSubstring("db: has to be put right first: "));
        CHECK(made() == before);
    }
    SECTION("and one that would change nothing is not") {
        CHECK(jails.world.run({"upgrade", "db", "--package", "extra"}).status == 0);
    }
}

TEST_CASE("a generation that is not proven when its jail is stopped is proven by the next start",
          "[faults][notes]") {
    const Jails jails;
    jails.make("cache");
    jails.make("db", {"cache"});
    jails.end("cache");
    jails.cut("switch.committed", {"install", "extra", "-j", "db"});
    {
        const base::Lock another = jails.lock("cache"); // so that it cannot be proven now
        REQUIRE(jails.world.run({"stop", "db"}).status == 0);
    }
    CHECK(jails.world.well({"gc"}).err.find("jail db") == std::string::npos);
    CHECK_THAT(jails.world.run({"doctor"}).out, ContainsSubstring("before generation 2 had proved itself"));
    const CommandResult refused = jails.world.run({"restart", "db"});
    CHECK(refused.status == 6);
    CHECK_THAT(refused.err, ContainsSubstring("pkgjail start db"));
    CHECK(jails.states() == "cache:failed db:stopped");

    SECTION("where it is good") {
        jails.world.well({"start", "db"});
        CHECK(jails.of("db")["generation"] == 2);
        CHECK(jails.states() == "cache:ready db:ready");
    }
    SECTION("where it is not") {
        jails.write_recipe("db", {"cache"}, "exit 1");
        const CommandResult failed = jails.world.run({"start", "db"});
        INFO(failed.err);
        CHECK(failed.status == 3); // cache came up
        CHECK_THAT(failed.err, ContainsSubstring("generation 2 was rolled back"));
        CHECK(jails.of("db")["generation"] == 1);
    }
    SECTION("where another one is started that requires it") {
        jails.make("app", {"db"});
        CHECK(jails.of("db")["generation"] == 2);
        CHECK(jails.states() == "app:ready cache:ready db:ready");
    }
    SECTION("where it has no service by then, and so nothing to prove") {
        jails.world.write("etc/recipes.d/db.recipe", "[recipe]\nsummary = a test\npackage = web\n");
        jails.world.well({"gc"});
    }
    CHECK(jails.world.run({"doctor"}).out.find("before generation 2 had proved itself") == std::string::npos);
}

TEST_CASE("a jail that was not to run when it was changed has nothing to prove", "[faults][notes]") {
    const Jails jails;
    jails.make("db");
    jails.world.well({"stop", "db"});
    jails.cut("switch.committed", {"install", "extra", "-j", "db"});

    jails.world.well({"gc"});

    CHECK(jails.world.run({"doctor"}).out.find("a command was interrupted") == std::string::npos);
    jails.world.well({"rollback", "db"});
    CHECK(jails.states() == "db:stopped");
}

TEST_CASE("a jail that was stopped is not started because another one is to be started again",
          "[faults][notes]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});
    REQUIRE(jails.world.run({"restart", "app"}, no_start).status == 1);
    REQUIRE(jails.world.run({"stop", "db"}, no_start).status == 0);

    const CommandResult next = jails.world.well({"gc"});

    CHECK_THAT(next.err,
               ContainsSubstring("db: was stopped, and app requires it; pkgjail start app starts both"));
    CHECK(jails.states() == "app:stopped db:stopped");
    SECTION("and both are when that one is started") {
        jails.world.well({"start", "db"});
        jails.world.well({"gc"});
        CHECK(jails.states() == "app:ready db:ready");
    }
    SECTION("and neither is when that one is stopped as well") {
        jails.world.well({"stop", "app"});
        CHECK(jails.world.well({"gc"}).err.find("jail app") == std::string::npos);
        CHECK(jails.states() == "app:stopped db:stopped");
    }
}

namespace {

/// Jails db and app, which requires it; db comes not to be able to start.
struct BrokenDb {
    BrokenDb() {
        jails.make("db");
        jails.make("app", {"db"});
    }
    void break_db() const { jails.write_recipe("db", {}, "echo once >>" + starts.string() + "; exit 1"); }
    auto starts_since() const {
        return fs::exists(starts) ? base::read_file(starts.string()).size() / std::string("once\n").size()
                                  : 0;
    }
    /// Of a command that has other things to do.
    void check_left_alone() const {
        const CommandResult next = jails.world.well({"gc"});
        CHECK_THAT(next.err, ContainsSubstring(left));
        CHECK(next.err.find("tries again") == std::string::npos);
        CHECK(jails.states() == "app:stopped db:failed");
    }

    const Jails jails;
    const fs::path starts = jails.world.top() / "out/starts";
    const std::string way_out = "; pkgjail start app starts both, pkgjail stop app leaves it down";
    const std::string left = "jail app: db: did not get ready when it was started last (exit status 1), and "
                             "app requires it" +
                             way_out;
};

} // namespace

TEST_CASE("a jail that does not get ready is started once because another one is to be, and not by every "
          "command",
          "[faults][notes]") {
    const BrokenDb broken;
    const Jails& jails = broken.jails;
    std::string note = "(restart)";
    SECTION("after a person has tried it") {
        jails.end("db");
        broken.break_db();
        REQUIRE(jails.world.run({"restart", "app"}).status == 4);
    }
    SECTION("after it was tried for a new generation") {
        note = "before generation 2 had proved itself";
        jails.end("db");
        broken.break_db();
        REQUIRE(jails.world.run({"install", "extra", "-j", "app"}).status == 4);
    }
    SECTION("after its own note has led there") {
        note = "(required jail stopped)";
        REQUIRE(jails.world.run({"restart", "db"}, no_start).status == 1);
        broken.break_db();
        const CommandResult tried = jails.world.well({"gc"});
        CHECK_THAT(tried.err, ContainsSubstring("jail db: db: the service did not get ready: "));
        CHECK_THAT(tried.err, ContainsSubstring(broken.left));
    }
    SECTION("after one try, where it had been ready") {
        jails.cut("restart.stopped", {"restart", "app"});
        jails.end("db");
        broken.break_db();
        const CommandResult tried = jails.world.well({"gc"});
        CHECK_THAT(tried.err,
                   ContainsSubstring("jail app: db: the service did not get ready: exit status 1"));
        CHECK_THAT(tried.err, ContainsSubstring(broken.way_out));
        CHECK(tried.err.find("tries again") == std::string::npos);
    }

    broken.check_left_alone();
    broken.check_left_alone();
    CHECK(broken.starts_since() == 1);
    CHECK_THAT(jails.world.run({"doctor"}).out, ContainsSubstring(note));
    jails.write_recipe("db");
    jails.world.well({"start", "app"});
    CHECK(jails.states() == "app:ready db:ready");
    CHECK(jails.world.run({"doctor"}).out.find(note) == std::string::npos);
}

TEST_CASE(
    "a jail that waits for one that did not get ready is stopped, or comes up when a person starts that",
    "[faults][notes]") {
    const BrokenDb broken;
    const Jails& jails = broken.jails;
    jails.end("db");
    broken.break_db();
    REQUIRE(jails.world.run({"restart", "app"}).status == 4);

    SECTION("a start") {
        jails.write_recipe("db");
        CHECK_THAT(jails.world.well({"start", "db"}).err, ContainsSubstring(broken.left));
        jails.world.well({"gc"});
        CHECK(jails.states() == "app:ready db:ready");
    }
    SECTION("a stop") {
        jails.world.well({"stop", "app"});
        CHECK(jails.world.well({"gc"}).err.find("jail app") == std::string::npos);
        CHECK(jails.states() == "app:stopped db:failed");
        CHECK(broken.starts_since() == 1);
    }
    SECTION("a reset of the other one is none of these") {
        jails.world.well({"reset-failed", "db"});
        CHECK_THAT(jails.world.well({"gc"}).err,
                   ContainsSubstring("jail app: db: was stopped, and app requires it" + broken.way_out));
        CHECK(jails.states() == "app:stopped db:stopped");
    }
}

TEST_CASE("a jail is not destroyed while one that requires it is to run again", "[faults][notes]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});
    REQUIRE(jails.world.run({"restart", "db"}, no_start).status == 1);

    const CommandResult refused = jails.world.run({"destroy", "db"}, no_start);

    CHECK(refused.status == 6);
    CHECK_THAT(refused.err, ContainsSubstring("db: is required by jail app, which is to run again"));
    jails.world.well({"gc"});
    CHECK(jails.states() == "app:ready db:ready");

    jails.end("db");
    jails.write_recipe("db", {}, "exit 1");
    REQUIRE(jails.world.run({"restart", "app"}).status != 0);
    CHECK(jails.world.run({"destroy", "db"}).status == 6);
}

TEST_CASE("nothing is noted any more of a jail that has been started since", "[faults][notes]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});
    REQUIRE(jails.world.run({"restart", "db"}, no_start).status == 1);

    // Once, for recovery.
    const CommandResult started = jails.world.run_with({"eio", 1, false, "rename /run/"}, {"start", "db"});

    INFO(started.err);
    CHECK(started.status == 0);
    CHECK_THAT(started.err, ContainsSubstring("the next command tries again"));
    CHECK(jails.world.run({"doctor"}).out.find("(restart)") == std::string::npos);
}

TEST_CASE("a jail that runs and is not well is not started again for its note", "[faults][notes]") {
    const Jails jails;
    jails.write_recipe("db");
    const fs::path recipe = jails.world.top() / "etc/recipes.d/db.recipe";
    const std::string text = base::read_file(recipe);
    std::ofstream(recipe) << std::regex_replace(text, std::regex("grace = 10s"), "grace = 1s");
    jails.world.well({"install", "more", "-j", "db", "--recipe", "db"});
    jails.cut("start.settled", {"restart", "db"});
    CHECK_THAT(jails.world.run({"doctor"}).out, ContainsSubstring("(restart)"));
    const auto pid = jails.of("db")["pid"];
    fs::remove(jails.world.top() / "out/up-db");
    jails.wait_for("db", "unhealthy");

    jails.world.well({"gc"});

    CHECK(jails.of("db")["pid"] == pid);
    CHECK(jails.world.run({"doctor"}).out.find("(restart)") == std::string::npos);
}
