// Each command that changes something, with a fault at each of its calls on files: it succeeds or says what
// went wrong; the next command finds nothing half done; what was reported done is there; the same command,
// once more, does it.
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <sstream>

#include <sys/stat.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "faults/acts.hpp"
#include "faults/trial.hpp"
#include "flow/flow.hpp"
#include "pkgjail/cli/command.hpp"
#include "support/catch.hpp"
#include "support/framework_script.hpp"

using namespace pkgjail;
using test::Act;
using test::acts;
using test::CommandResult;
using test::Fault;
using test::faults_of;
using test::Trial;
using test::World;

namespace {

/// PKGJAIL_FAULTS=all, or the number of calls that are tried of each command (spread evenly).
unsigned long tries_of_one_act() {
    const char* value = std::getenv("PKGJAIL_FAULTS");
    if (value == nullptr)
        return 3;
    return std::string(value) == "all" ? ~0UL : std::strtoul(value, nullptr, 10);
}

/// PKGJAIL_FAULT_ONLY="ACT: KIND:N": one that failed, again.
std::string only() {
    const char* value = std::getenv("PKGJAIL_FAULT_ONLY");
    return value != nullptr ? value : "";
}

/// Of all commands, told when the program ends.
struct Totals {
    unsigned long injected = 0;
    unsigned long survived = 0;
    unsigned long possible = 0;
    Totals() = default;
    Totals(const Totals&) = delete;
    Totals& operator=(const Totals&) = delete;
    ~Totals() {
        if (possible != 0)
            std::cout << fmt::format("numbers: faults injected {}, survived {}, of {} possible\n", injected,
                                     survived, possible);
    }
};

Totals& totals() {
    static Totals numbers;
    return numbers;
}

} // namespace

TEST_CASE("every command is tried with faults, or changes nothing", "[faults]") {
    std::set<std::string> tried;
    for (const Act& act : acts())
        tried.insert(act.command.front());
    for (const cli::Command& command : cli::commands()) {
        INFO(command.name);
        CHECK(tried.contains(command.name) != test::verbs_left_out().contains(command.name));
    }
}

TEST_CASE("a fault at any call on files is survived by every command", "[faults][everywhere]") {
    const unsigned long tries = tries_of_one_act();
    for (std::size_t number = 0; number < acts().size(); ++number) {
        const Act& act = acts()[number];
        if (!only().empty() && !only().starts_with(act.name + ": "))
            continue;
        DYNAMIC_SECTION(act.name) {
            const Trial trial(act);
            const std::vector<Fault> faults = faults_of(trial.counts());
            totals().possible += faults.size();
            const std::size_t stride = std::max<std::size_t>(1, faults.size() / tries);
            // From another place in each command, so that a sample has all kinds.
            for (std::size_t at = (number * 7) % stride; at < faults.size(); at += stride) {
                const Fault& fault = faults[at];
                if (!only().empty() && only() != act.name + ": " + fault.text())
                    continue;
                bool hit = false;
                const std::string wrong = trial.attempt(fault, hit);
                totals().injected += hit ? 1 : 0;
                totals().survived += hit && wrong.empty() ? 1 : 0;
                if (!wrong.empty())
                    FAIL_CHECK("PKGJAIL_FAULT_ONLY='" << act.name << ": " << fault.text() << "'\n" << wrong);
            }
        }
    }
}

TEST_CASE("what was not survived once is survived", "[faults][found]") {
    struct Found {
        const char* act;
        Fault fault;
    };
    static const std::vector<Found> table = {
        // The mount point was left for its owner only, and the next start took it for made.
        {"start", {"eio", 1, true, "fchown /root/srv"}},
        {"start", {"kill", 1, false, "fchmod /root/srv"}},
        // Half of a digest was read, or none, and taken for the whole.
        {"gc", {"eintr", 1, false, "read /cache/sha512-"}},
        {"gc", {"short", 1, false, "read /cache/sha512-"}},
        // What had been running stayed down, and no later command started it.
        {"restart", {"enospc", 1, true, "rename /run/"}},
        {"restart with dependents", {"enospc", 2, false, "rename /run/"}},
        {"restart with dependents", {"enospc", 1, true, "rename /run/"}},
        {"upgrade with dependents", {"eio", 1, true, "rename /run/"}},
        {"upgrade of a service that runs", {"eio", 1, true, "rename /run/"}},
    };
    for (const Found& found : table) {
        const auto act =
            std::find_if(acts().begin(), acts().end(), [&](const Act& one) { return one.name == found.act; });
        REQUIRE(act != acts().end());
        DYNAMIC_SECTION(found.act << ", " << found.fault.text() << " " << found.fault.on) {
            const Trial trial(*act);
            bool hit = false;
            CHECK(trial.attempt(found.fault, hit) == "");
            CHECK(hit);
        }
    }
}

TEST_CASE("an image that cannot be read any more hinders no other one", "[faults][found]") {
    const World world;
    test::furnish(world);
    world.well({"install", "lib", "-j", "old"});
    const std::string image = world.run({"status", "old", "--json"}).json()["jails"][0]["image"];

    const CommandResult result =
        world.run_with({"eio", 1, true, "pread /images/" + image}, {"install", "lib", "extra", "-j", "new"});

    INFO(result.out << result.err);
    CHECK(world.hit());
    CHECK(result.status == 0);
    world.well({"verify"});
}

TEST_CASE("a service whose generation recovery put back, and could not start, is started by the next command",
          "[faults][found]") {
    const auto act = std::find_if(acts().begin(), acts().end(), [](const Act& one) {
        return one.name == "upgrade of a service that runs";
    });
    REQUIRE(act != acts().end());
    const World world(true);
    test::furnish(world);
    act->prepare(world);
    act->begin(world);
    REQUIRE(world.run(act->command, {{"PKGJAIL_STOP_AT", "switch.committed"}}).status == 128 + 9);

    const CommandResult failing = world.run_with({"eio", 1, true, "rename /run/"}, {"gc"});

    INFO(failing.err);
    CHECK(world.hit());
    CHECK_THAT(failing.err, ContainsSubstring("was rolled back"));
    CHECK_THAT(failing.err, ContainsSubstring("does not start either"));
    CHECK(world.running().find(" is ready\n") == std::string::npos);
    const CommandResult next = world.well({"gc"});
    INFO(next.err);
    CHECK_THAT(world.running(), ContainsSubstring(" is ready\n"));
}

TEST_CASE("a directory that an upgrade makes in a jail's data is its owner's, or not there yet",
          "[faults][found]") {
    const World world;
    world.offer({test::package("svc-1.0")});
    world.well({"update"});
    world.well({"install", "svc"});
    test::PackageSpec spec = test::package("svc-2.0");
    spec.install_script =
        test::framework_script("GROUP: svcg\nUSER: svc:svcg\nDIR: /var/db/svc mo 0750 svc svcg\n");
    world.offer({spec});
    world.well({"update"});
    const std::string id = World::names(world.state() / "jails");
    const std::string call = GENERATE("fchownat", "fchmod");

    const CommandResult cut = world.run_with(
        {"kill", 1, false, fmt::format("{} jails/{}/data/var/db/", call, id)}, {"upgrade", "svc"});

    REQUIRE(cut.status == 128 + 9);
    world.well({"upgrade", "svc"});
    struct stat status {};
    REQUIRE(::stat((world.state() / "jails" / id / "data/var/db/svc").c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0750);
    CHECK(status.st_uid != 0);
    CHECK(status.st_gid != 0);
}
