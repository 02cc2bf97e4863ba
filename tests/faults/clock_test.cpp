// The wall clock goes back: by a day, by fifty years. Orders are kept by numbers, nothing young is taken for
// old, and names made of the time stay different.
#include "faults/world.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::World;

namespace {

std::string list_of(const nlohmann::json& rows, const char* member) {
    std::string text;
    for (const auto& row : rows)
        text += row[member].dump() + " ";
    return text;
}

} // namespace

TEST_CASE("history, generations and the audit trail keep their order when the clock goes back",
          "[faults][clock]") {
    const World world;
    test::furnish(world);
    const std::string back = GENERATE(std::string("-86400"), std::string("-1577880000"));
    const auto earlier = [&](const std::vector<std::string>& command) {
        CommandResult result = world.run(command, {{"PKGJAIL_SHIM_CLOCK", back}});
        INFO(result.out << result.err);
        CHECK(result.status == 0);
        return result;
    };

    earlier({"upgrade", "web"});

    CHECK(list_of(world.well({"history", "web", "--json"}).json()["generations"], "generation") == "1 2 3 ");
    CHECK(world.well({"status", "web", "--json"}).json()["jails"][0]["generation"] == 3);
    earlier({"rollback", "web"});
    CHECK(world.well({"status", "web", "--json"}).json()["jails"][0]["generation"] == 2);
    earlier({"hold", "web", "-j", "web"});
    earlier({"gc"});
    CHECK(list_of(earlier({"history", "web", "--json"}).json()["generations"], "generation") == "1 2 3 ");
    const auto acts = earlier({"history", "web", "--acts", "--json"}).json()["acts"];
    REQUIRE(acts.size() > 3);
    CHECK(world.run({"catalog", "check"}).status == 0);
}

TEST_CASE("what a younger clock made is not taken for old, nor held for ever", "[faults][clock]") {
    const World world;
    test::furnish(world);
    world.write("etc/pkgjail.conf", "[generations]\nkeep = 1\nkeep-for = 1d\n");
    world.well({"upgrade", "web"});

    const CommandResult gc = world.run({"gc"}, {{"PKGJAIL_SHIM_CLOCK", "-864000"}});

    INFO(gc.err);
    CHECK(gc.status == 0);
    CHECK(list_of(world.well({"history", "web", "--json"}).json()["generations"], "generation") == "1 2 3 ");
}

TEST_CASE("snapshots that are named by the time differ, whatever the clock says", "[faults][clock]") {
    const World world;
    test::furnish(world);
    for (const char* back : {"0", "-3600", "-3600", "0", "-1577880000"}) {
        const CommandResult result = world.run({"snapshot", "other"}, {{"PKGJAIL_SHIM_CLOCK", back}});
        INFO(back << ": " << result.err);
        CHECK(result.status == 0);
    }
    CHECK(world.well({"snapshots", "other", "--json"}).json()["snapshots"].size() == 5);
    CHECK(world.run({"catalog", "check"}).status == 0);
}
