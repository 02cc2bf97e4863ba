// What a command leaves noted on a jail when it dies or fails: who may go on nevertheless, who puts it right,
// and that nothing of it is lost. Services are ordinary processes (process_driver.cpp).
#include <fstream>
#include <future>
#include <optional>
#include <regex>
#include <thread>

#include "faults/required_jails.hpp"
#include "pkgjail/base/file.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Jails;
using test::no_start;

namespace fs = std::filesystem;

namespace {

/// Of a command that kills itself there.
void cut(const Jails& jails, const std::string& step, const std::vector<std::string>& command) {
    const CommandResult result = jails.world.run(command, {{"PKGJAIL_STOP_AT", step}});
    INFO(result.err);
    REQUIRE(result.status == 128 + 9);
}

/// Data of db, and a snapshot from before there were any.
fs::path write_rows(const Jails& jails) {
    jails.world.well({"snapshot", "db", "now"});
    const fs::path rows = jails.data("db") / "rows";
    std::ofstream(rows) << "many";
    return rows;
}

} // namespace

TEST_CASE("a jail is not destroyed while its data are elsewhere, unless with them", "[faults][notes]") {
    const Jails jails;
    jails.make("db");
    const fs::path rows = write_rows(jails);
    cut(jails, "restore.data_placed", {"restore", "db", "now", "--yes"});
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
    cut(jails, "restore.data_placed", {"restore", "db", "now", "--yes"});

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
