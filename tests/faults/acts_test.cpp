// Each command that changes something, with a fault at each of its calls on files: it succeeds or says what
// went wrong; the next command finds nothing half done; what was reported done is there; the same command,
// once more, does it.
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include <sys/stat.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "faults/acts.hpp"
#include "faults/trial.hpp"
#include "flow/flow.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/cli/command.hpp"
#include "support/catch.hpp"
#include "support/framework_script.hpp"

using namespace pkgjail;
namespace fs = std::filesystem;
using test::Act;
using test::acts;
using test::CommandResult;
using test::Fault;
using test::faults_of;
using test::Trial;
using test::World;

namespace {

/// PKGJAIL_FAULTS=all, or the number of calls that are tried of each command (spread evenly). With 1, only
/// the first command that passes a step is killed at it.
unsigned long tries_of_one_act() {
    const char* value = std::getenv("PKGJAIL_FAULTS");
    if (value == nullptr)
        return 3;
    return std::string(value) == "all" ? ~0UL : std::strtoul(value, nullptr, 10);
}

/// PKGJAIL_FAULT_ONLY="ACT: KIND:N" or "ACT: KIND at STEP": one that failed, again.
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
            std::cout << fmt::format("numbers: faults injected {}, survived {}, of {} possible\n"
                                     "chosen with PKGJAIL_FAULTS_SEED={}\n",
                                     injected, survived, possible, test::sample_seed());
    }
};

Totals& totals() {
    static Totals numbers;
    return numbers;
}

/// "volume attach", "repo key new": the verb, or with each word that may follow where its first argument is
/// an action.
std::vector<std::vector<std::string>> verbs_of(const cli::Command& command) {
    if (command.positional.empty() || !command.positional.front().starts_with("action"))
        return {{command.name}};
    std::vector<std::vector<std::string>> verbs;
    std::istringstream words(std::string(command.arguments) + " |");
    std::vector<std::vector<std::string>> under_way = {{command.name}};
    bool is_action = true; // until an argument of it
    for (std::string word; words >> word;)
        if (word == "|") {
            verbs.insert(verbs.end(), under_way.begin(), under_way.end());
            under_way = {{command.name}};
            is_action = true;
        } else if (is_action = is_action && std::islower(word.front()) != 0; is_action) {
            std::vector<std::vector<std::string>> longer;
            std::istringstream choices(word);
            for (std::string choice; std::getline(choices, choice, '|');)
                for (std::vector<std::string> verb : under_way) {
                    verb.push_back(choice);
                    longer.push_back(std::move(verb));
                }
            under_way = std::move(longer);
        }
    return verbs;
}

/// What was tried by now, so that a step which no command passes is found in the end.
struct StepsTried {
    std::set<std::string> names;
    std::set<std::string> acts;
};

StepsTried& steps_tried() {
    static StepsTried tried;
    return tried;
}

/// Names of steps in the sources: base::step("switch.noted"), and those that are put together there.
std::set<std::string> steps_of_sources() {
    std::set<std::string> names = {"start.wanted", "switch.committed"}; // try_to_write_record()
    for (const char* verb : {"clone", "jail", "snapshot", "volume"})    // Staged::place()
        for (const char* what : {".synced", ".placed"})
            names.insert(std::string(verb) + what);
    std::set<std::string> put_together;
    static const std::regex call("base::step\\((\"([^\"]+)\"\\))?");
    for (const auto& entry : fs::recursive_directory_iterator(PKGJAIL_SOURCE_DIR "/pkgjail")) {
        if (entry.path().extension() != ".cpp")
            continue;
        const std::string text = base::read_file(entry.path(), 4u << 20);
        for (auto at = std::sregex_iterator(text.begin(), text.end(), call); at != std::sregex_iterator();
             ++at)
            if ((*at)[2].matched)
                names.insert((*at)[2]);
            else
                put_together.insert(entry.path().filename().string());
    }
    CHECK(put_together == std::set<std::string>{"staged.cpp", "switch_image.cpp"});
    return names;
}

/// Of a step that no command of acts() passes: the test that kills at it, and what is found in there.
struct TriedElsewhere {
    const char* file;
    std::string text; ///< empty: the step's name
};

std::map<std::string, TriedElsewhere> steps_tried_elsewhere() {
    return {
        {"confine.bundle_written", {"system/confine_life_test.cpp", {}}},
        {"confine.created", {"system/confine_life_test.cpp", {}}},
        {"confine.network_noted", {"system/network_rate_test.cpp", {}}},
        {"confine.network_paired", {"system/network_rate_test.cpp", {}}},
        {"confine.network_up", {"system/network_rate_test.cpp", {}}},
        // Before and after every act on the host, of which this step is between two.
        {"confine.root_mounted",
         {"kmod/driver/driver_failure_test.cpp", "a command killed at any act leaves what the next command"}},
        // On a file system that counts.
        {"limits.disk_counted", {"system/disk_test.cpp", {}}},
        // Until the same command again there is no catalog, and every other one refuses.
        {"rebuild.continued", {"flow/rebuild_test.cpp", {}}},
    };
}

} // namespace

TEST_CASE("every command is tried with faults, or changes nothing", "[faults]") {
    const auto begins = [](const std::vector<std::string>& command, const std::vector<std::string>& verb) {
        return verb.size() <= command.size() && std::equal(verb.begin(), verb.end(), command.begin());
    };
    std::set<std::string> names;
    for (const cli::Command& command : cli::commands())
        for (const std::vector<std::string>& verb : verbs_of(command)) {
            const std::string name = fmt::format("{}", fmt::join(verb, " "));
            INFO(name);
            names.insert(name);
            const bool tried = std::any_of(acts().begin(), acts().end(),
                                           [&](const Act& act) { return begins(act.command, verb); });
            CHECK(tried != test::verbs_left_out().contains(name));
        }
    for (const char* name : {"update", "repo index", "repo key new", "repo key revoke", "volume attach"})
        CHECK(names.contains(name));
    for (const std::string& name : test::verbs_left_out())
        CHECK(names.contains(name));
}

TEST_CASE("a fault at any call on files is survived by every command", "[faults][everywhere]") {
    const unsigned long tries = tries_of_one_act();
    for (std::size_t number = 0; number < acts().size(); ++number) {
        const Act& act = acts()[number];
        if (!only().empty() && !only().starts_with(act.name + ": "))
            continue;
        DYNAMIC_SECTION(act.name) {
            const Trial trial(act);
            const auto survived = [&](const std::string& fault, const std::string& wrong) {
                ++totals().injected;
                totals().survived += wrong.empty() ? 1 : 0;
                if (!wrong.empty())
                    FAIL_CHECK("PKGJAIL_FAULT_ONLY='" << act.name << ": " << fault << "'\n" << wrong);
            };
            const auto is_tried = [&](const std::string& fault) {
                return only().empty() || only() == act.name + ": " + fault;
            };
            const std::vector<Fault> faults = faults_of(trial.counts());
            totals().possible += faults.size() + 2 * trial.steps().size();
            const std::size_t stride = std::max<std::size_t>(1, faults.size() / tries);
            // From another place in each command, so that a sample has all kinds.
            for (std::size_t at = test::first_of_sample(number * 7, stride); at < faults.size();
                 at += stride) {
                if (!is_tried(faults[at].text()))
                    continue;
                bool hit = false;
                const std::string wrong = trial.attempt(faults[at], hit);
                if (hit || !wrong.empty())
                    survived(faults[at].text(), wrong);
            }
            // Each step in the first command that passes it, and with more than one fault in every command.
            for (const std::string& step : trial.steps()) {
                const bool is_new = steps_tried().names.insert(step).second;
                if (!only().empty() || is_new || tries > 1) {
                    if (is_tried("kill at " + step))
                        survived("kill at " + step, trial.attempt_killed_at(step));
                    if (tries > 1 && is_tried("full at " + step) && !act.for_a_person.contains(step))
                        survived("full at " + step, trial.attempt_full_at(step));
                }
            }
            steps_tried().acts.insert(act.name);
        }
    }
}

TEST_CASE("at every step that the sources name a command was killed", "[faults][everywhere]") {
    if (steps_tried().acts.size() != acts().size()) {
        WARN("skipped: not every command was tried before this");
        return;
    }
    const std::map<std::string, TriedElsewhere> elsewhere = steps_tried_elsewhere();
    const std::set<std::string> named = steps_of_sources();
    for (const std::string& step : named) {
        INFO(step);
        CHECK(steps_tried().names.contains(step) != elsewhere.contains(step));
    }
    for (const std::string& step : steps_tried().names) {
        INFO(step);
        CHECK(named.contains(step));
    }
    for (const auto& [step, test] : elsewhere) {
        INFO(step << " in tests/" << test.file);
        CHECK(named.contains(step));
        CHECK_THAT(base::read_file(fs::path(PKGJAIL_SOURCE_DIR "/tests") / test.file),
                   ContainsSubstring(test.text.empty() ? step : test.text));
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

TEST_CASE("a step at which a command was not survived once is survived", "[faults][found]") {
    struct Found {
        const char* act;
        const char* step;
        bool is_killed; ///< else it meets a full disk
    };
    static const std::vector<Found> table = {
        // The kernel had limits that the catalog did not have, and no later command put them back.
        {"limits of a service that runs", "limits.in_force", true},
        {"apply of limits to a service that runs", "limits.in_force", true},
        // The note on what was being added was left without anything that it spoke of.
        {"upgrade that adds to the data", "generation.data_noted", false},
        // Where the data were there and the service ran, what says that they were prepared went.
        {"start --prepare", "start.launched", true},
    };
    for (const Found& found : table) {
        const auto act =
            std::find_if(acts().begin(), acts().end(), [&](const Act& one) { return one.name == found.act; });
        REQUIRE(act != acts().end());
        DYNAMIC_SECTION(found.act << ", " << found.step) {
            const Trial trial(*act);
            CHECK(std::find(trial.steps().begin(), trial.steps().end(), found.step) != trial.steps().end());
            CHECK((found.is_killed ? trial.attempt_killed_at(found.step)
                                   : trial.attempt_full_at(found.step)) == "");
        }
    }
}

TEST_CASE("start --prepare of a jail that has its data begins nothing anew, also when these are lost later",
          "[faults][found]") {
    const auto act = std::find_if(acts().begin(), acts().end(),
                                  [](const Act& one) { return one.name == "start that prepares"; });
    REQUIRE(act != acts().end());
    const World world(true);
    test::furnish(world);
    act->prepare(world);
    world.well({"start", "rows"});
    const bool runs = GENERATE(true, false);
    if (!runs)
        world.well({"stop", "rows"});

    world.well({"start", "rows", "--prepare"});

    world.well({"stop", "rows"});
    for (const auto& jail : fs::directory_iterator(world.state() / "jails"))
        fs::remove(jail.path() / "data/var/db/rows/word");
    const CommandResult refused = world.run({"start", "rows"});
    CHECK(refused.status == 6);
    CHECK_THAT(refused.err, ContainsSubstring("had data and is empty now"));
    world.well({"start", "rows", "--prepare"});
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
