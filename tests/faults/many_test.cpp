// Many commands at once: each is done, or says who was in its way; what they leave is what they said.
#include <algorithm>
#include <future>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "faults/world.hpp"
#include "flow/flow.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::World;

namespace {

struct Told {
    std::vector<std::string> command;
    CommandResult result;
};

std::vector<Told> run_at_once(const World& world, const std::vector<std::vector<std::string>>& commands) {
    std::vector<std::future<Told>> running;
    for (const auto& command : commands)
        running.push_back(std::async(std::launch::async, [&world, command] {
            return Told{command, world.run(command)};
        }));
    std::vector<Told> all;
    for (auto& one : running)
        all.push_back(one.get());
    return all;
}

} // namespace

TEST_CASE("two first commands at once both find their packages", "[faults][many]") {
    for (int round = 0; round < 4; ++round) {
        const World world;
        world.offer({test::package("web-1.0"), test::package("extra-1.0")});
        for (const Told& one :
             run_at_once(world, {{"install", "web", "-j", "first"}, {"install", "extra", "-j", "second"}})) {
            INFO(fmt::format("{}: {}\n{}{}", fmt::join(one.command, " "), one.result.status, one.result.out,
                             one.result.err));
            CHECK(one.result.status == 0);
        }
        CHECK(World::names(world.state() / "cache").find("index-") == std::string::npos);
    }
}

TEST_CASE("32 commands on 8 jails at once are all accounted for", "[faults][many]") {
    const World world;
    world.offer({test::package("lib-1.0"), test::package("web-1.0", {"lib>=1"}), test::package("extra-1.0")});
    world.well({"update"});
    std::vector<std::string> jails;
    for (int i = 1; i <= 8; ++i) {
        jails.push_back(fmt::format("jail{}", i));
        world.well({"install", "web", "-j", jails.back()});
    }
    world.offer({test::package("lib-1.0"), test::package("web-1.1", {"lib>=1"}), test::package("extra-1.0")});
    world.well({"update"});
    const bool patient = GENERATE(false, true);
    std::vector<std::vector<std::string>> commands;
    for (const std::string& jail : jails)
        for (const std::vector<std::string>& command :
             std::vector<std::vector<std::string>>{{"upgrade", jail},
                                                   {"install", "extra", "-j", jail},
                                                   {"snapshot", jail, "one"},
                                                   {"clone", jail, jail + "-twin"}}) {
            commands.push_back(command);
            if (patient)
                commands.back().insert(commands.back().begin(), {"--wait", "15"});
        }
    REQUIRE(commands.size() == 32);

    const std::vector<Told> all = run_at_once(world, commands);

    std::map<std::string, int> done;
    for (const Told& one : all) {
        INFO(fmt::format("{}: {}\n{}{}", fmt::join(one.command, " "), one.result.status, one.result.out,
                         one.result.err));
        const std::string& verb = one.command[patient ? 2 : 0];
        if (one.result.status == 0) {
            ++done[verb];
            continue;
        }
        CHECK_FALSE(patient);
        CHECK(one.result.status == 75);
        CHECK_THAT(one.result.err, ContainsSubstring("held by process ") ||
                                       ContainsSubstring("held by another process") ||
                                       ContainsSubstring("another pkgjail is writing"));
    }
    if (patient)
        CHECK(done ==
              std::map<std::string, int>{{"upgrade", 8}, {"install", 8}, {"snapshot", 8}, {"clone", 8}});
    world.well({"gc", "-q"});
    CHECK(world.run({"catalog", "check"}).status == 0);
    CHECK(world.run({"verify"}).status == 0);
    int snapshots = 0, twins = 0, upgraded = 0, with_extra = 0;
    const auto status = world.well({"status", "--json"}).json();
    for (const auto& jail : status["jails"]) {
        const std::string name = jail.at("jail");
        if (name.ends_with("-twin")) {
            ++twins;
            continue;
        }
        snapshots += static_cast<int>(world.well({"snapshots", name, "--json"}).json()["snapshots"].size());
        const std::string files = world.well({"files", name}).out;
        upgraded += files.find("web-1.1") != std::string::npos ? 1 : 0;
        with_extra += files.find("share/extra/README") != std::string::npos ? 1 : 0;
    }
    CHECK(snapshots == done["snapshot"]);
    CHECK(twins == done["clone"]);
    CHECK(upgraded == done["upgrade"]);
    CHECK(with_extra == done["install"]);
}
