// A supervisor with a fault at one of its calls on files, from its launch to its end: commands say what went
// wrong; once it is over the same commands start the service, and leave nothing when they stop it.
#include <algorithm>
#include <cstdlib>
#include <iostream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "faults/acts.hpp"
#include "faults/processes.hpp"
#include "faults/trial.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Fault;
using test::World;

namespace {

/// PKGJAIL_FAULTS=all, or how many; PKGJAIL_FAULT_ONLY="supervisor: KIND:N": one that failed, again.
std::string setting(const char* variable, const char* otherwise) {
    const char* value = std::getenv(variable);
    return value != nullptr ? value : otherwise;
}

const std::vector<std::vector<std::string>> life = {
    {"start", "web"}, {"limits", "web", "memory=300M"}, {"reload", "web"}, {"stop", "web"}};

/// What runs, without the states that are told: "ID runs /bin/sleep 1.1d".
std::string processes(const World& world) {
    return test::running_on(world.state());
}

/// What has to run when jail web runs.
std::string supervised(const World& world) {
    const std::string all = world.running();
    const std::size_t at = all.find(" is ready\n");
    if (at == std::string::npos)
        return "nothing is ready";
    const std::size_t begin = all.rfind('\n', at) + 1;
    const std::string id = all.substr(begin, at - begin);
    return fmt::format("{0} is supervised\n{0} runs /bin/sleep 1.1d\n", id);
}

/// What is wrong; empty: it was survived.
std::string attempt(const World& world, const Fault& fault, bool& hit) {
    world.set_back("before");
    world.haunt_supervisors(fault);
    std::string said;
    const bool invisible = fault.kind == "eintr" || fault.kind == "short";
    std::string wrong;
    for (const std::vector<std::string>& command : life) {
        const CommandResult result = world.run(command);
        said += fmt::format("  {}: {} {}\n", fmt::join(command, " "), result.status, result.err);
        if (invisible && result.status != 0)
            wrong = "what should not be seen was seen";
        // Or the service failed (4), is in no state for it (6), its supervisor died while it was asked (75),
        // or could not do it (77).
        const bool of_service =
            result.status == 4 || result.status == 6 || result.status == 75 || result.status == 77;
        if (wrong.empty() && result.status != 0)
            wrong = of_service ? test::ill_worded(result, command.front())
                               : test::ill_told(result, command.front());
    }
    world.haunt_supervisors(std::nullopt);
    hit = world.hit().has_value();
    const auto expect = [&](const std::vector<std::string>& command) {
        const CommandResult result = world.run(command);
        if (wrong.empty() && result.status != 0)
            wrong = fmt::format("{} afterwards: {} {}", command.front(), result.status, result.err);
    };
    expect({"gc", "-q"});
    expect({"start", "web"});
    if (const std::string now = processes(world); wrong.empty() && now != supervised(world))
        wrong = "after a start there runs:\n" + now;
    expect({"stop", "web"});
    if (const std::string left = processes(world); wrong.empty() && !left.empty())
        wrong = "after a stop there is left:\n" + left;
    expect({"catalog", "check"});
    expect({"verify"});
    return wrong.empty() ? ""
                         : fmt::format("{}\n  hit: {}\n{}", wrong, world.hit().value_or("nothing"), said);
}

} // namespace

TEST_CASE("whichever call of a supervisor on files fails, commands survive it",
          "[faults][supervisor][everywhere]") {
    const World world(true);
    test::furnish(world);
    test::let_web_run(world);
    world.keep("before");
    world.haunt_supervisors(Fault{"count", 0, false, ""});
    for (const std::vector<std::string>& command : life)
        world.well(command);
    const std::vector<Fault> faults = test::faults_of(world.counted());
    REQUIRE(!faults.empty());
    const std::string text = setting("PKGJAIL_FAULTS", "3");
    const std::size_t tries = text == "all" ? faults.size() : std::strtoul(text.c_str(), nullptr, 10);
    const std::string only = setting("PKGJAIL_FAULT_ONLY", "");
    const std::size_t stride = std::max<std::size_t>(1, faults.size() / std::max<std::size_t>(1, tries));
    unsigned long injected = 0, survived = 0;
    for (std::size_t at = test::first_of_sample(0, stride); at < faults.size(); at += stride) {
        if (!only.empty() && only != "supervisor: " + faults[at].text())
            continue;
        bool hit = false;
        const std::string wrong = attempt(world, faults[at], hit);
        injected += hit ? 1 : 0;
        survived += hit && wrong.empty() ? 1 : 0;
        if (!wrong.empty())
            FAIL_CHECK("PKGJAIL_FAULT_ONLY='supervisor: " << faults[at].text() << "'\n" << wrong);
    }
    if (only.empty() &&
        (tries > 1 || test::sample_seed() == 0)) // one alone may be one that no run comes to again
        CHECK(injected > 0);
    std::cout << fmt::format("numbers: faults injected {}, survived {}, of {} possible\n", injected, survived,
                             faults.size());
}
