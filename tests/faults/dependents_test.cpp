// Jails that are required: who is taken down with them and brought up again, with faults, with other commands
// at work, and where a host could not start them. Services are ordinary processes (process_driver.cpp).
#include <csignal>
#include <fstream>
#include <future>
#include <thread>

#include <sys/stat.h>

#include <fmt/format.h>

#include "faults/required_jails.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/lock.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Jails;
using test::no_start;

namespace fs = std::filesystem;

TEST_CASE("a jail that does not run takes nobody down with it", "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});
    jails.world.well({"snapshot", "db", "now"});
    jails.end("db");
    const auto pid = jails.of("app")["pid"];
    SECTION("where it is meant to run, and starts again") {
        for (const std::vector<std::string>& command :
             std::vector<std::vector<std::string>>{{"restart", "db"}, {"install", "extra", "-j", "db"}}) {
            const CommandResult result = jails.world.well(command);
            CHECK(result.err.find("jail app") == std::string::npos);
            CHECK(jails.states() == "app:ready db:ready");
            CHECK(jails.of("app")["pid"] == pid);
            jails.end("db");
        }
    }
    SECTION("where it is to stay down") {
        jails.world.well({"reset-failed", "db"});
        for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
                 {"install", "extra", "-j", "db"}, {"rollback", "db"}, {"restore", "db", "now", "--yes"}}) {
            const CommandResult result = jails.world.well(command);
            CHECK(result.err.find("jail app") == std::string::npos);
            CHECK(jails.states() == "app:ready db:stopped");
            CHECK(jails.of("app")["pid"] == pid);
        }
    }
}

TEST_CASE("a jail that was stopped while another command waited for its lock stays stopped",
          "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.write_recipe("app", {"db"}, ":", "sleep 2");
    jails.world.well({"install", "more", "-j", "app", "--recipe", "app"});
    auto stop = std::async(std::launch::async, [&] { return jails.world.run({"stop", "app"}); });
    jails.wait_for("app", "stopping");

    const CommandResult restarted = jails.world.run({"--wait", "20", "restart", "db"});

    INFO(restarted.err);
    CHECK(restarted.status == 0);
    CHECK(stop.get().status == 0);
    CHECK(jails.states() == "app:stopped db:ready");
}

TEST_CASE("a restore that fails before anything is stopped leaves who requires the jail alone",
          "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});
    jails.world.well({"snapshot", "db", "now"});
    const auto app = jails.of("app")["pid"], db = jails.of("db")["pid"];

    const CommandResult failed =
        jails.world.run({"restore", "db", "now", "--yes"}, {{"PKGJAIL_FAIL_AT", "restore.prepared"}});

    CHECK(failed.status == 1);
    CHECK(failed.err.find("jail app") == std::string::npos);
    CHECK(jails.of("app")["pid"] == app);
    CHECK(jails.of("db")["pid"] == db);
}

TEST_CASE("where a restored jail does not start, those that require it are told of", "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});
    jails.world.well({"snapshot", "db", "now"});
    jails.write_recipe("db", {}, "exit 1");

    const CommandResult failed = jails.world.run({"restore", "db", "now", "--yes"});

    CHECK(failed.status == 4);
    CHECK_THAT(failed.err, ContainsSubstring("db: was restored and does not start: "));
    CHECK_THAT(failed.err,
               ContainsSubstring("start jail app, which requires db: app: jail db, which it requires, does "
                                 "not run"));
    CHECK(jails.states() == "app:stopped db:failed");
    jails.write_recipe("db");
    jails.world.well({"start", "app"});
    CHECK(jails.states() == "app:ready db:ready");
}

TEST_CASE("a required jail that another command has just started is not started again",
          "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.write_recipe("app", {"db"});
    jails.world.well({"install", "more", "-j", "app", "--recipe", "app", "--no-start"});
    jails.write_recipe("db", {}, "sleep 1", "sleep 1");
    jails.world.well({"restart", "db"});
    auto change = std::async(std::launch::async, [&] {
        return jails.world.run({"install", "extra", "-j", "db"});
    });
    jails.wait_for("db", "stopping");

    const CommandResult started = jails.world.run({"--wait", "20", "restart", "app"});

    INFO(started.err);
    CHECK(started.status == 0);
    const CommandResult changed = change.get();
    INFO(changed.err);
    CHECK(changed.status == 0);
    CHECK(started.err.find("jail db is started") == std::string::npos);
    CHECK(jails.states() == "app:ready db:ready");
    CHECK(jails.of("db")["restarts"] == 0);
}

TEST_CASE("a good generation stays where those that require the jail cannot come up for another reason",
          "[faults][requires]") {
    const Jails jails;
    jails.make("cache");
    jails.make("db");
    jails.make("app", {"db", "cache"});
    jails.end("cache");
    const std::vector<std::string> install = {"install", "extra", "-j", "db"};
    {
        const base::Lock another = jails.lock("cache");
        const CommandResult changed = jails.world.run(install);
        INFO(changed.err);
        CHECK(changed.status == 0);
        CHECK_THAT(changed.err, ContainsSubstring("start jail app, which requires db: jail cache: "));
        CHECK_THAT(changed.err, ContainsSubstring("the next command that changes something tries again"));
        CHECK(jails.of("db")["generation"] == 2);
        CHECK(jails.states() == "app:stopped cache:failed db:ready");
    }
    jails.world.well({"gc"});
    CHECK(jails.states() == "app:ready cache:ready db:ready");
}

TEST_CASE("a good generation stays where the disk is full when those that require the jail are started",
          "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});

    // The second description of a service is that of app.
    const CommandResult changed =
        jails.world.run_with({"enospc", 2, false, "rename /run/"}, {"install", "extra", "-j", "db"});

    INFO(changed.err);
    CHECK(jails.world.hit());
    CHECK(changed.status == 0);
    CHECK_THAT(changed.err, ContainsSubstring("start jail app, which requires db: "));
    CHECK(jails.of("db")["generation"] == 2);
    CHECK(jails.states() == "app:stopped db:ready");
    jails.world.well({"gc"});
    CHECK(jails.states() == "app:ready db:ready");
}

TEST_CASE("a service that does not come up is what counts, whoever else could not be tried",
          "[faults][requires]") {
    const Jails jails;
    jails.make("cache");
    jails.make("db");
    for (const char* name : {"one", "three"})
        jails.make(name, {"db", "cache"});
    jails.make("two", {"db"});
    jails.end("cache");
    jails.write_recipe("two", {"db"}, "exit 1");

    const base::Lock another = jails.lock("cache");
    const CommandResult changed = jails.world.run({"install", "extra", "-j", "db"});

    INFO(changed.err);
    CHECK(changed.status == 4);
    CHECK_THAT(changed.err, ContainsSubstring("generation 2 was rolled back: start jail two"));
    CHECK_THAT(changed.err, ContainsSubstring("start jail one, which requires db: jail cache: "));
    CHECK_THAT(changed.err, ContainsSubstring("start jail three, which requires db: jail cache: "));
    CHECK(jails.of("db")["generation"] == 1);
}

TEST_CASE("a jail that this host could not start again is started after a restore of it",
          "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.world.well({"snapshot", "db", "now"});
    REQUIRE(jails.world.run({"restart", "db"}, no_start).status == 1);
    REQUIRE(jails.states() == "db:stopped");

    const CommandResult restored = jails.world.run({"restore", "db", "now", "--yes"}, no_start);

    INFO(restored.err);
    CHECK(restored.status == 1);
    CHECK_THAT(restored.err, ContainsSubstring("db: was restored and does not start: "));
    jails.world.well({"gc"});
    CHECK(jails.states() == "db:ready");
}

TEST_CASE("a jail that is to be started again is not renamed before", "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    REQUIRE(jails.world.run({"restart", "db"}, no_start).status == 1);

    const CommandResult refused = jails.world.run({"rename", "db", "base"}, no_start);

    CHECK(refused.status == 6);
    CHECK_THAT(refused.err,
               ContainsSubstring("db: has to be put right first: it is to be started again (restart)"));
    jails.world.well({"gc"});
    CHECK(jails.states() == "db:ready");
}

TEST_CASE("no command has a note of its own while the one there says where a jail's data are",
          "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.world.well({"snapshot", "db", "now"});
    const auto rows = jails.data("db") / "rows";
    std::ofstream(rows) << "many";
    REQUIRE(jails.world.run({"restore", "db", "now", "--yes"}, {{"PKGJAIL_STOP_AT", "restore.data_aside"}})
                .status == 128 + 9);
    REQUIRE_FALSE(fs::exists(rows));

    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
             {"restart", "db"},
             {"start", "db"},
             {"install", "extra", "-j", "db"},
             {"install", "more", "-j", "db"},
             {"restore", "db", "now", "--yes"},
             {"snapshot", "db", "then"},
             {"clone", "db", "copy"},
             {"export", "db", (jails.world.top() / "out/db.tar").string()}}) {
        const CommandResult refused = jails.world.run_with({"eio", 1, true, "rename /data"}, command);
        INFO(command.front() << ": " << refused.err);
        CHECK(jails.world.hit());
        CHECK(refused.status == 6);
        CHECK_THAT(refused.err,
                   ContainsSubstring("db: has to be put right first: a command was interrupted (restore "));
    }
    jails.world.well({"gc"});
    CHECK(jails.states() == "db:ready");
    CHECK(fs::exists(rows));
}

TEST_CASE("a service that is still on its way down when its change has failed is started by the next command",
          "[faults][requires]") {
    const Jails jails;
    jails.write_recipe("db", {}, ":", "sleep 0.5");
    jails.world.well({"install", "more", "-j", "db", "--recipe", "db"});
    const pid_t supervisor = jails.of("db")["supervisor_pid"];
    REQUIRE(::kill(supervisor, SIGTERM) == 0);
    jails.wait_for("db", "stopping");
    REQUIRE(::kill(supervisor, SIGSTOP) == 0);

    const CommandResult failed = jails.world.run({"install", "extra", "-j", "db"});

    REQUIRE(::kill(supervisor, SIGCONT) == 0);
    CHECK(failed.status == 75);
    CHECK_THAT(failed.err, ContainsSubstring("does not answer"));
    jails.wait_for("db", "stopped");
    jails.world.well({"gc"});
    CHECK(jails.states() == "db:ready");
}

TEST_CASE("of a jail that is down it is said that it is to be started, not that a command was cut",
          "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});
    REQUIRE(jails.world.run({"restart", "db"}, no_start).status == 1);

    const CommandResult doctor = jails.world.run({"doctor"});
    CHECK_THAT(doctor.out, ContainsSubstring("it is to be started again (restart)"));
    CHECK_THAT(doctor.out, ContainsSubstring("it is to be started again (required jail stopped)"));
    CHECK(doctor.out.find("interrupted") == std::string::npos);
    const CommandResult next = jails.world.well({"gc"});
    CHECK_THAT(next.err,
               ContainsSubstring("jail db: it is to be started again (restart); generation 1 is current"));
    CHECK(next.err.find("interrupted") == std::string::npos);
    CHECK(jails.states() == "app:ready db:ready");

    jails.world.well({"snapshot", "db", "now"});
    REQUIRE(jails.world.run({"restore", "db", "now", "--yes"}, {{"PKGJAIL_STOP_AT", "restore.data_aside"}})
                .status == 128 + 9);
    CHECK_THAT(jails.world.run({"doctor"}).out, ContainsSubstring("a command was interrupted (restore "));
    jails.world.well({"gc"});
    for (const auto& [step, note] : std::vector<std::pair<std::string, std::string>>{
             {"switch.stopped", "(switch)"}, {"switch.committed", "before generation 2 had proved itself"}}) {
        REQUIRE(jails.world.run({"install", "extra", "-j", "db"}, {{"PKGJAIL_STOP_AT", step}}).status ==
                128 + 9);
        CHECK_THAT(jails.world.run({"doctor"}).out, ContainsSubstring("a command was interrupted " + note));
        jails.world.well({"gc"});
    }
}

TEST_CASE("a service that does not come up is what counts, also where its note cannot be taken away",
          "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    for (const char* name : {"aa", "bb"}) {
        jails.make(name, {"db"});
        jails.write_recipe(name, {"db"}, "exit 1");
    }

    const CommandResult changed =
        jails.world.run({"install", "extra", "-j", "db"}, {{"PKGJAIL_FAIL_AT", "dependents.started"}});

    INFO(changed.err);
    CHECK(changed.status == 4);
    CHECK_THAT(changed.err, ContainsSubstring("generation 2 was rolled back: start jail "));
    for (const char* name : {"aa", "bb"}) {
        CHECK_THAT(changed.err, ContainsSubstring(fmt::format("start jail {}, which requires db", name)));
        CHECK_THAT(changed.err,
                   ContainsSubstring(fmt::format("jail {}: it is still noted as stopped", name)));
        jails.write_recipe(name, {"db"});
    }
    CHECK(jails.of("db")["generation"] == 1);
    jails.world.well({"gc"});
    CHECK(jails.states() == "aa:ready bb:ready db:ready");
}

TEST_CASE(
    "a file of the recipe behind a link does not keep a jail from being renamed, or that from being undone",
    "[faults][rename]") {
    const Jails jails;
    jails.world.write("etc/recipes.d/name.in", "name = ${jail}\n");
    jails.write_recipe("named");
    const fs::path recipe = jails.world.top() / "etc/recipes.d/named.recipe";
    std::ofstream(recipe, std::ios::app) << "[file /etc/web/web.conf]\nsource = name.in\n"
                                            "[file /etc/other.conf]\nsource = name.in\n";
    jails.world.well({"install", "more", "-j", "old", "--recipe", "named"});
    jails.world.well({"stop", "old"});
    const fs::path etc = jails.data("old").parent_path() / "config/1/etc";
    fs::rename(etc / "web", etc / "web-real");
    fs::create_directory_symlink("web-real", etc / "web");

    REQUIRE(jails.world.run({"rename", "old", "new"}, {{"PKGJAIL_STOP_AT", "rename.files_written"}}).status ==
            128 + 9);
    CHECK(base::read_file((etc / "other.conf").string()) == "name = new\n");
    const CommandResult undone = jails.world.well({"restart", "old"});
    CHECK_THAT(undone.err, ContainsSubstring("passes through a symbolic link; it is left alone"));
    CHECK(base::read_file((etc / "other.conf").string()) == "name = old\n");

    jails.world.well({"stop", "old"});
    const CommandResult renamed = jails.world.well({"rename", "old", "new", "--json"});
    CHECK(renamed.json()["written"].dump() == R"(["/etc/other.conf"])");
    CHECK(renamed.json()["edited"].dump() == R"(["/etc/web/web.conf"])");
    CHECK(base::read_file((etc / "web-real/web.conf").string()) == "name = old\n");
    jails.world.well({"start", "new"});
}

TEST_CASE("a rename that cannot be undone at once takes no log from a jail that got the new name meanwhile",
          "[faults][rename]") {
    const Jails jails;
    jails.make("old");
    jails.world.well({"stop", "old"});
    const fs::path log = jails.world.state() / "log", recipes = jails.world.top() / "etc/recipes.d";
    const std::string before = base::read_file(log / "old.log");
    const std::string step = GENERATE("rename.noted", "rename.log_renamed");
    REQUIRE(jails.world.run({"rename", "old", "new"}, {{"PKGJAIL_STOP_AT", step}}).status == 128 + 9);
    fs::rename(recipes / "old.recipe", recipes / "away");
    jails.make("new");
    const std::string of_new = base::read_file(log / "new.log");

    const CommandResult next = jails.world.well({"gc"});

    CHECK_THAT(next.err, ContainsSubstring("the next command tries again"));
    CHECK(base::read_file(log / "old.log") == before);
    CHECK(base::read_file(log / "new.log") == of_new);
    fs::rename(recipes / "away", recipes / "old.recipe");
    jails.world.well({"gc"});
    jails.world.well({"start", "old"});
    CHECK(jails.states() == "new:ready old:ready");
    CHECK(base::read_file(log / "old.log").starts_with(before));
    CHECK(base::read_file(log / "new.log") == of_new);
}

TEST_CASE("a rename is undone over no file, and not while another command has the new name",
          "[faults][rename]") {
    const Jails jails;
    jails.make("old");
    jails.world.well({"stop", "old"});
    const fs::path log = jails.world.state() / "log";
    const std::string before = base::read_file(log / "old.log");
    REQUIRE(jails.world.run({"rename", "old", "new"}, {{"PKGJAIL_STOP_AT", "rename.log_renamed"}}).status ==
            128 + 9);
    {
        const base::Lock another = jails.lock("new");
        CHECK_THAT(jails.world.well({"update"}).err,
                   ContainsSubstring("jail old: new: another command is at work on this name"));
        CHECK(base::read_file(log / "new.log") == before);
    }
    std::ofstream(log / "old.log") << "another\n";

    const CommandResult undone = jails.world.well({"update"});

    CHECK_THAT(undone.err, ContainsSubstring("old.log again, which is there; it is left alone"));
    CHECK(base::read_file(log / "old.log") == "another\n");
    CHECK(base::read_file(log / "new.log") == before);
    jails.world.well({"start", "old"});
}

TEST_CASE("a dry run of a rename refuses nothing that the next command would have put right",
          "[faults][rename]") {
    const Jails jails;
    jails.make("db");
    jails.world.well({"stop", "db"});
    REQUIRE(jails.world.run({"install", "extra", "-j", "db"}, {{"PKGJAIL_STOP_AT", "switch.noted"}}).status ==
            128 + 9);

    const CommandResult looked = jails.world.well({"rename", "-n", "db", "base"});

    CHECK_THAT(looked.out, ContainsSubstring("jail db: would be renamed to base"));
    jails.world.well({"rename", "db", "base"});
    CHECK(jails.states() == "base:stopped");
}

TEST_CASE("the log of a rename that was cut is in nobody's way", "[faults][rename]") {
    const Jails jails;
    for (const char* name : {"db", "cache"}) {
        jails.make(name);
        jails.world.well({"stop", name});
    }
    REQUIRE(jails.world.run({"rename", "db", "base"}, {{"PKGJAIL_STOP_AT", "rename.log_renamed"}}).status ==
            128 + 9);

    const CommandResult looked = jails.world.well({"rename", "-n", "cache", "base"});

    CHECK_THAT(looked.out, ContainsSubstring("jail cache: would be renamed to base"));
    jails.world.well({"rename", "cache", "base"});
    CHECK(jails.states() == "base:stopped db:stopped");
    for (const std::vector<std::string>& command :
         std::vector<std::vector<std::string>>{{"rename", "-n", "db", "free"}, {"rename", "db", "free"}}) {
        std::ofstream(jails.world.state() / "log/free.log") << "of an earlier jail\n";
        const CommandResult refused = jails.world.run(command);
        CHECK(refused.status == 6);
        CHECK_THAT(refused.err, ContainsSubstring("is in the way, the log of an earlier jail"));
    }
}

TEST_CASE("a restore of data from before the first start is prepared anew, also where it was cut",
          "[faults][restore]") {
    const Jails jails;
    jails.write_recipe("db");
    const std::string jail_data = (jails.world.state() / "jails/*/data/var/db/db").string();
    std::ofstream(jails.world.top() / "etc/recipes.d/db.recipe", std::ios::app)
        << "[prepare]\npath = /var/db/db\n"
           "command = /bin/sh -c \"for d in "
        << jail_data << "; do echo prepared >>$d/word; done\"\n";
    jails.world.well({"install", "more", "-j", "db", "--recipe", "db", "--no-start"});
    jails.world.well({"snapshot", "db", "empty"});
    jails.world.well({"start", "db"});
    const fs::path word = jails.data("db") / "var/db/db/word";
    REQUIRE(base::read_file(word) == "prepared\n");
    std::ofstream(word, std::ios::app) << "rows\n";

    SECTION("after its commit: they are prepared") {
        REQUIRE(
            jails.world.run({"restore", "db", "empty", "--yes"}, {{"PKGJAIL_STOP_AT", "restore.committed"}})
                .status == 128 + 9);
        jails.world.well({"gc"});
        CHECK(base::read_file(word) == "prepared\n");
    }
    SECTION("before it: what is back is left alone, and missed when it is gone") {
        REQUIRE(jails.world
                    .run({"restore", "db", "empty", "--yes"},
                         {{"PKGJAIL_STOP_AT", "restore.preparation_forgotten"}})
                    .status == 128 + 9);
        jails.world.well({"gc"});
        CHECK(base::read_file(word) == "prepared\nrows\n");
        jails.world.well({"stop", "db"});
        fs::remove(word);
        const CommandResult refused = jails.world.run({"start", "db"});
        CHECK(refused.status == 6);
        CHECK_THAT(refused.err, ContainsSubstring("/var/db/db had data and is empty now"));
        std::ofstream(word) << "brought back\n";
        jails.world.well({"start", "db"});
    }
    CHECK(jails.states() == "db:ready");
}

TEST_CASE("a directory on the way to a mount point in a jail's data is open to all, whatever the umask is",
          "[faults][umask]") {
    const Jails jails;
    jails.write_recipe("db");
    jails.world.well(
        {"install", "more", "-j", "db", "--recipe", "db", "--no-start", "--volume", "files:/var/files/here"});
    const fs::path files = jails.data("db") / "var/files";
    REQUIRE_FALSE(fs::exists(files));
    const mode_t before = ::umask(077);

    const CommandResult cut =
        jails.world.run_with({"kill", 1, false, "fchmod " + files.string()}, {"start", "db"});

    ::umask(before);
    REQUIRE(cut.status == 128 + 9);
    jails.world.well({"start", "db"});
    struct stat status {};
    REQUIRE(::stat(files.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0755);
}

TEST_CASE("a required jail whose data a restore has moved aside is not started before they are back",
          "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});
    jails.world.well({"snapshot", "db", "now"});
    const auto rows = jails.data("db") / "rows";
    std::ofstream(rows) << "many";
    REQUIRE(jails.world.run({"restore", "db", "now", "--yes"}, {{"PKGJAIL_STOP_AT", "restore.data_aside"}})
                .status == 128 + 9);

    const CommandResult refused = jails.world.run_with({"eio", 1, true, "rename /data"}, {"restart", "app"});

    INFO(refused.err);
    CHECK(jails.world.hit());
    CHECK(refused.status == 75);
    CHECK_THAT(refused.err, ContainsSubstring("db: has to be put right first: a command was interrupted"));
    CHECK(jails.states() == "app:stopped db:stopped");
    jails.world.well({"gc"});
    CHECK(jails.states() == "app:ready db:ready");
    CHECK(fs::exists(rows));
}

TEST_CASE("a copy of a jail does not make an unproven generation count as proven", "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});
    REQUIRE(
        jails.world.run({"install", "extra", "-j", "db"}, {{"PKGJAIL_STOP_AT", "switch.proven"}}).status ==
        128 + 9);
    {
        const base::Lock another = jails.lock("app"); // so that it cannot be proven now
        for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
                 {"snapshot", "db", "now"},
                 {"clone", "db", "copy"},
                 {"export", "db", (jails.world.top() / "out/db.tar").string()}}) {
            const CommandResult refused = jails.world.run(command);
            INFO(command.front() << ": " << refused.err);
            CHECK(refused.status == 6);
            CHECK_THAT(refused.err, ContainsSubstring("db: has to be put right first: "));
            CHECK_THAT(jails.world.run({"doctor"}).out,
                       ContainsSubstring("before generation 2 had proved itself"));
        }
    }
    jails.world.well({"gc"});
    CHECK(jails.world.run({"doctor"}).out.find("before generation 2 had proved itself") == std::string::npos);
    CHECK(jails.states() == "app:ready db:ready");
}

TEST_CASE("a jail that was stopped while it was to be started again stays stopped", "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});
    REQUIRE(jails.world.run({"restart", "db"}, no_start).status == 1);
    REQUIRE(jails.states() == "app:stopped db:stopped");

    const CommandResult refused = jails.world.run({"stop", "db"}, no_start);
    CHECK(refused.status == 6);
    CHECK_THAT(refused.err, ContainsSubstring("db: is required by jail app, which is to run again"));
    SECTION("with those that require it") {
        CHECK(jails.world.run({"stop", "--dependents", "db"}, no_start).status == 0);
        CHECK(jails.world.run({"doctor"}).out.find("(restart)") == std::string::npos);
    }
    SECTION("and they too, each by its name") {
        CHECK(jails.world.run({"stop", "db", "app"}, no_start).status == 0);
    }
    const CommandResult next = jails.world.well({"gc"});
    CHECK(next.err.find("jail ") == std::string::npos);
    CHECK(jails.states() == "app:stopped db:stopped");
}

TEST_CASE("a jail that another command works on is not passed over where what it requires goes down",
          "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});
    REQUIRE(jails.world.run({"snapshot", "app", "now"}, {{"PKGJAIL_STOP_AT", "pause.noted"}}).status ==
            128 + 9);
    const auto db = jails.of("db")["pid"];
    {
        const base::Lock another = jails.lock("app"); // as if that one were alive
        const CommandResult refused = jails.world.run({"restart", "db"});
        INFO(refused.err);
        CHECK(refused.status == 75);
        CHECK(jails.of("db")["pid"] == db);
    }
    jails.world.well({"restart", "db"});
    CHECK(jails.states() == "app:ready db:ready");
}

TEST_CASE("a generation that another command keeps from being started is proven by the next one",
          "[faults][requires]") {
    const Jails jails;
    jails.make("cache");
    jails.make("db", {"cache"});
    jails.make("app", {"db"});
    jails.end("cache");
    {
        const base::Lock another = jails.lock("cache");
        const CommandResult changed = jails.world.run({"install", "extra", "-j", "db"});
        INFO(changed.err);
        CHECK(changed.status == 75);
        CHECK(changed.err.find("rolled back") == std::string::npos);
        CHECK(jails.of("db")["generation"] == 2);
        CHECK(jails.states() == "app:stopped cache:failed db:stopped");
    }
    SECTION("where it is good") {
        jails.world.well({"gc"});
        CHECK(jails.of("db")["generation"] == 2);
    }
    SECTION("where it is not") {
        jails.write_recipe("db", {"cache"}, "exit 1");
        CHECK_THAT(jails.world.run({"gc"}).err, ContainsSubstring("generation 2 was rolled back"));
        CHECK(jails.of("db")["generation"] == 1);
        jails.write_recipe("db", {"cache"});
        CHECK_THAT(jails.world.run({"gc"}).err, ContainsSubstring("pkgjail start app starts both"));
        jails.world.well({"start", "app"});
    }
    CHECK(jails.states() == "app:ready cache:ready db:ready");
}
