// What the driver of the kernel module leaves when something goes wrong: refusals, steps that fail, commands
// that are killed, processes and mounts that do not go.
#include "driver/driver_state.hpp"
#include "support/catch.hpp"

using namespace kmod_test;
using namespace pkgjail;
using confine::EntryStage;

TEST_CASE("descriptions that cannot be are refused before anything is done", "[kmod][driver]") {
    const State state;
    Machine machine;
    const auto driver = state.command(machine);
    const auto refused = [&](auto change) {
        auto spec = state.spec("web");
        change(spec);
        return failure([&] { driver->create(spec, state.dir.path(), {}); });
    };

    CHECK(refused([](auto& spec) { spec.handle = std::string(64, 'a'); }).find("is longer than the 63") !=
          std::string::npos);
    CHECK(refused([](auto& spec) {
              spec.limits.wanted[jail::LimitKind::processes] = {2'000'000, ""};
          }) == "web: limit processes is 2000000, the kernel module takes 1 to 1000000");
    CHECK(refused([](auto& spec) {
              for (std::uint16_t port = 1000; port < 1033; ++port)
                  spec.claims.push_back({"tcp", "", port});
          }) == "web: claims 33 ports, the kernel module takes 32");
    CHECK(refused([](auto& spec) { spec.command = {"service"}; }) ==
          "web: command service is not an absolute path");
    CHECK(refused([&](auto& spec) { spec.mounts[0].source = "/etc/passwd"; }).find("is no directory") !=
          std::string::npos);
    CHECK(failure([&] { driver->remove("../etc", state.dir.path()); }).find("handle") != std::string::npos);
    CHECK(machine.show().empty());
    CHECK(state.places().empty());
}

TEST_CASE("a program that is not there, or a directory, is said before the start", "[kmod][driver]") {
    const State state;
    Machine machine;
    const auto driver = state.command(machine);
    machine.missing_programs = {"/usr/pkg/sbin/service"};

    CHECK(failure([&] { driver->create(state.spec("web"), state.dir.path(), {}); }) ==
          "/usr/pkg/sbin/service: no such program in jail web");
    CHECK(machine.show().empty());
}

TEST_CASE("whatever stage of going in fails, everything before it is undone", "[kmod][driver]") {
    const State state;
    Machine machine;
    const auto driver = state.command(machine);
    const auto spec = state.spec("web");
    const auto expected = [](EntryStage stage) -> std::string {
        switch (stage) {
        case EntryStage::session:
            return "web: setsid: ";
        case EntryStage::descriptors:
            return "web: arrange descriptors: ";
        case EntryStage::device:
            return "/dev/pkgjail: open: ";
        case EntryStage::root:
            return "chroot: ";
        case EntryStage::enter:
            return "web: enter: ";
        case EntryStage::release:
            return "/dev/pkgjail: close: ";
        case EntryStage::identity:
            return "web: become user 0: ";
        case EntryStage::directory:
            return "/: cannot be the working directory in jail web";
        default:
            return "/usr/pkg/sbin/service: cannot be executed in jail web";
        }
    };
    for (int number = 0; number <= static_cast<int>(EntryStage::program); ++number) {
        machine.failing_stage = static_cast<EntryStage>(number);
        const std::string told = failure([&] { driver->create(spec, state.dir.path(), {}); });
        INFO(number << ": " << told);
        CHECK(told.find(expected(*machine.failing_stage)) != std::string::npos);
        CHECK(machine.show().empty());
        CHECK(state.places().empty());
        CHECK(machine.log.empty());
    }
    machine.failing_stage = EntryStage::exec;
    driver->create(spec, state.dir.path(), {});
    CHECK(failure([&] { driver->start(spec, state.dir.path()); }).find("exec in jail web: ") !=
          std::string::npos);
    CHECK(machine.inside("web").empty());
    driver->remove("web", state.dir.path());
    CHECK(machine.show().empty());
}

TEST_CASE("whatever step of the root fails, the ones before are undone", "[kmod][driver]") {
    const State state;
    Machine machine;
    const auto driver = state.command(machine);
    for (const char* step :
         {"/skeleton", "tmpfs", "devices", "/root/dev", "/usr/pkg", "root/var rw", "/var/run"}) {
        machine.failing_step = step;
        const std::string told = failure([&] { driver->create(state.spec("web"), state.dir.path(), {}); });
        INFO(told);
        CHECK(told.find("web: its root cannot be put together: ") == 0);
        CHECK(machine.show().empty());
        CHECK(state.places().empty());
    }
}

TEST_CASE("a command killed at any act leaves what the next command clears away", "[kmod][driver]") {
    // First learn how many acts a life has, then die at each.
    const State state;
    int acts = 0;
    for (int die_at = 0; die_at <= acts; ++die_at) {
        Machine machine;
        int count = 0;
        machine.on_act = [&](const std::string&) {
            // A dead command does nothing any more, not even in its own error handling.
            if (++count >= die_at && die_at > 0)
                throw Killed();
        };
        try {
            const auto driver = state.command(machine);
            driver->create(state.spec("web"), state.dir.path(), {});
            driver->start(state.spec("web"), state.dir.path());
            driver->remove("web", state.dir.path());
        } catch (const Killed&) {
        }
        acts = die_at == 0 ? count : acts;
        machine.on_act = nullptr;
        const std::string left = machine.show();
        const auto next = state.command(machine);
        INFO("killed at act " << die_at << " of " << acts << ", which left\n" << left);
        for (const auto& handle : next->handles())
            next->remove(handle, state.dir.path());
        CHECK(machine.show().empty());
        CHECK(state.places().empty());
        if (die_at > 0 && die_at % 5 == 0) { // and a new one can be made over it
            next->create(state.spec("web"), state.dir.path(), {});
            CHECK(machine.show() == whole_web);
            next->remove("web", state.dir.path());
        }
    }
    CHECK(acts > 20);
}

TEST_CASE("what a killed command left is cleared before the same jail is made again", "[kmod][driver]") {
    const State state;
    Machine machine;
    {
        const auto dead = state.command(machine);
        dead->create(state.spec("web"), state.dir.path(), {});
        dead->start(state.spec("web"), state.dir.path());
    }
    proc* left = machine.inside("web").at(0);

    const auto driver = state.command(machine);
    driver->create(state.spec("web"), state.dir.path(), {});
    CHECK(world_is_zombie(left));
    CHECK(machine.show() == whole_web);
    driver->remove("web", state.dir.path());
}

TEST_CASE("a first process that was never let go ends with the command that made it", "[kmod][driver]") {
    const State state;
    Machine machine;
    state.command(machine)->create(state.spec("web"), state.dir.path(), {});
    machine.run(20);

    CHECK(machine.inside("web").empty());
    const auto next = state.command(machine);
    CHECK(failure([&] { next->start(state.spec("web"), state.dir.path()); }) ==
          "web: is started already, or was made by another process, which alone can start it");
    next->remove("web", state.dir.path());
    CHECK(machine.show().empty());
}

TEST_CASE("a process that does not end keeps its jail, and is said", "[kmod][driver]") {
    const State state;
    Machine machine;
    const auto driver = state.command(machine);
    driver->create(state.spec("web"), state.dir.path(), {});
    driver->start(state.spec("web"), state.dir.path());
    world_linger(machine.inside("web").at(0), 60'000); // waits for a device

    CHECK(failure([&] { driver->remove("web", state.dir.path()); }) == "web: 1 of its processes do not end");
    CHECK(machine.show().find("jail web ending 1\nmount web/root\n") == 0);
    CHECK(driver->exists("web", state.dir.path()));
    machine.run(40'000);
    driver->remove("web", state.dir.path());
    CHECK(machine.show().empty());
}

TEST_CASE("a mount that is busy for a moment is waited for", "[kmod][driver]") {
    const State state;
    Machine machine;
    const auto driver = state.command(machine);
    driver->create(state.spec("web"), state.dir.path(), {});
    machine.busy_unmounts = 3;

    driver->remove("web", state.dir.path());
    CHECK(machine.show().empty());
    CHECK(machine.log.empty());
}
