// Limits by the driver of the kernel module: asked for, read back, changed while a jail runs, and written
// down for the operator's filter and shaper.
#include <cerrno>
#include <filesystem>

#include "driver/driver_state.hpp"
#include "pkgjail/base/file.hpp"
#include "support/catch.hpp"

using namespace kmod_test;
using namespace pkgjail;
namespace fs = std::filesystem;

TEST_CASE("limits are asked for, read back, and hold in the kernel", "[kmod][driver]") {
    const State state;
    Machine machine;
    const auto driver = state.command(machine);
    auto spec = state.spec("web");
    using jail::LimitKind;
    for (const auto& [kind, value] : {std::pair(LimitKind::processes, 2u),
                                      {LimitKind::memory, 64u << 20},
                                      {LimitKind::cpu, 25u},
                                      {LimitKind::files, 100u},
                                      {LimitKind::io_read, 1u << 20},
                                      {LimitKind::net_out, 1u << 20}})
        spec.limits.wanted[kind] = {value, "test"};
    driver->create(spec, state.dir.path(), {});
    driver->start(spec, state.dir.path());

    std::string readings;
    for (const auto& reading : driver->read_limits(spec, state.dir.path()))
        readings += std::string(jail::limit_name(reading.kind)) + " " +
                    (reading.effective ? std::to_string(*reading.effective) : "-") + " " +
                    std::string(jail::enforcement_name(reading.enforcement)) + "\n";
    CHECK(readings == "cpu 25 enforced\n"
                      "memory 67108864 advisory\n"
                      "processes 2 enforced\n"
                      "files 100 enforced\n"
                      "io-read - unavailable\n"
                      "net-out - unavailable\n");
    proc* service = machine.inside("web").at(0);
    CHECK(world_rlimit(service, 8) == 100); // RLIMIT_NOFILE there
    CHECK(world_rlimit(service, 4) == 0);   // and no core dumps, although nobody asked

    lwp* before = world_as(world_lwp(service));
    proc* child = nullptr;
    CHECK(world_fork(WORLD_FORK, &child) == 0);
    CHECK(world_fork(WORLD_FORK, nullptr) != 0);
    world_as(before);
    world_spin(world_lwp(service), true);
    world_spin(world_lwp(child), true);
    world_fill(child, 1u << 20);
    machine.run(4000);

    const auto usage = driver->usage("web", state.dir.path());
    CHECK(usage.process_limit_hits == 1);
    CHECK(*usage.cpu_usec > 800'000);
    CHECK(*usage.cpu_usec < 1'300'000);
    CHECK(*usage.throttled_usec > 0);
    CHECK(*usage.memory_peak_bytes > 60u << 20);
    CHECK(*usage.memory_limit_hits > 0);
    CHECK_FALSE(usage.io_read_bytes);
    driver->remove("web", state.dir.path());
    CHECK(machine.show().empty());
}

TEST_CASE("limits of a running jail are changed for every process in it, and lifted again",
          "[kmod][driver]") {
    const State state;
    Machine machine;
    const auto driver = state.command(machine);
    auto spec = state.spec("web");
    const auto& run = state.dir.path();
    using jail::LimitKind;
    const auto limit = [&](std::initializer_list<std::pair<LimitKind, std::uint64_t>> wanted) {
        spec.limits.wanted.clear();
        for (const auto& [kind, value] : wanted)
            spec.limits.wanted[kind] = {value, "test"};
        driver->set_limits(spec, run);
    };
    spec.limits.wanted[LimitKind::processes] = {2, "test"};
    driver->create(spec, run, {});
    driver->start(spec, run);
    proc* service = machine.inside("web").at(0);
    const auto forks = [&] {
        lwp* before = world_as(world_lwp(service));
        proc* child = nullptr;
        const int error = world_fork(WORLD_FORK, &child);
        world_as(before);
        return error == 0 ? child : nullptr;
    };
    proc* child = forks();
    REQUIRE(child != nullptr);
    CHECK(forks() == nullptr);
    const auto files = world_rlimit(service, PKGJAIL_RLIMIT_NOFILE);

    limit({{LimitKind::processes, 3}, {LimitKind::files, 50}, {LimitKind::core, 4096}, {LimitKind::cpu, 25}});
    for (proc* process : {service, child}) {
        CHECK(world_rlimit(process, PKGJAIL_RLIMIT_NOFILE) == 50);
        CHECK(world_soft_rlimit(process, PKGJAIL_RLIMIT_NOFILE) == 50);
        CHECK(world_rlimit(process, PKGJAIL_RLIMIT_CORE) == 4096);
    }
    std::string readings;
    for (const auto& reading : driver->read_limits(spec, run))
        readings += std::string(jail::limit_name(reading.kind)) + " " +
                    (reading.effective ? std::to_string(*reading.effective) : "-") + "\n";
    CHECK(readings == "cpu 25\nprocesses 3\nfiles 50\ncore 4096\n");
    CHECK(forks() != nullptr);
    CHECK(forks() == nullptr);
    world_spin(world_lwp(service), true);
    machine.run(1000);
    const auto at_quarter = world_cpu_us(service);
    CHECK(at_quarter < 350'000);

    limit({});
    CHECK(world_rlimit(child, PKGJAIL_RLIMIT_NOFILE) == files);
    CHECK(world_rlimit(child, PKGJAIL_RLIMIT_CORE) == 0); // off unless asked for, as at a start
    CHECK(forks() != nullptr);
    machine.run(1000);
    CHECK(world_cpu_us(service) - at_quarter > 900'000);
    driver->remove("web", run);
    CHECK(failure([&] { driver->set_limits(spec, run); }) == "web: is not running");
}

TEST_CASE("a limit that a running jail cannot be given is named", "[kmod][driver]") {
    const State state;
    Machine machine;
    const auto driver = state.command(machine);
    auto spec = state.spec("web");
    const auto& run = state.dir.path();
    using jail::LimitKind;
    spec.limits.wanted[LimitKind::memory] = {64u << 20, "test"};
    driver->create(spec, run, {});
    driver->start(spec, run);
    proc* service = machine.inside("web").at(0);
    world_set_memory(service, 32u << 20);

    auto changed = spec;
    changed.limits.wanted[LimitKind::memory] = {16u << 20, "test"};
    CHECK(failure([&] { driver->set_limits(changed, run); }) ==
          "limit memory: 32M are in use, and at 16M processes would be killed");
    machine.run(500);
    CHECK(machine.inside("web").size() == 1);
    CHECK(driver->read_limits(spec, run).at(0).effective == 64u << 20);

    changed = spec;
    changed.limits.wanted[LimitKind::files] = {50, "test"};
    machine.rlimit_error = EPERM;
    CHECK(failure([&] { driver->set_limits(changed, run); }) ==
          "limit files: process " + std::to_string(world_pid(service)) + ": Operation not permitted");
    driver->set_limits(spec, run); // and back: nothing has to be set
    CHECK(driver->read_limits(spec, run).size() == 1);
}

TEST_CASE("the limit on processes keeps a further process out, and says so", "[kmod][driver]") {
    const State state;
    Machine machine;
    const auto driver = state.command(machine);
    auto spec = state.spec("web");
    spec.limits.wanted[jail::LimitKind::processes] = {1, "test"};
    driver->create(spec, state.dir.path(), {});
    driver->start(spec, state.dir.path());

    CHECK(failure([&] {
              driver->exec(spec, state.dir.path(), {{"/bin/true"}, {}, "/", {}, false});
          }) == "web: has no room for another process, or is being ended");
    driver->remove("web", state.dir.path());
}

TEST_CASE("lines for the operator's filter and shaper lie beside the jail while it is there",
          "[kmod][driver]") {
    const State state;
    Machine machine;
    machine.operator_files["/etc/altq.conf"] =
        "interface wm0 bandwidth 100M cbq\nclass cbq wm0 root_class NULL pbandwidth 100\n";
    const auto driver = state.command(machine);
    auto spec = state.spec("web");
    spec.claims = {{"tcp", "10.0.0.5", 80}};
    spec.limits.wanted[jail::LimitKind::net_out] = {1000, "test"};
    const auto run = state.dir.path();
    driver->create(spec, run, {});

    CHECK(base::read_file(run / "npf.rules") ==
          "pass stateful in final family inet4 proto tcp to 10.0.0.5 port 80\n"
          "block in final family inet4 to 10.0.0.5\n");
    const std::string lines = base::read_file(run / "altq.conf");
    CHECK(lines == "class cbq wm0 pkgjail_web root_class exactbandwidth 8000\n"
                   "filter wm0 pkgjail_web 0 0 10.0.0.5 0 0\n");
    CHECK(driver->read_limits(spec, run).at(0).enforcement == jail::Enforcement::unavailable);
    machine.operator_files["/etc/altq.conf"] += lines; // the operator takes them over
    CHECK(driver->read_limits(spec, run).at(0).enforcement == jail::Enforcement::advisory);
    driver->remove("web", run);
    CHECK_FALSE(fs::exists(run / "npf.rules"));
    CHECK_FALSE(fs::exists(run / "altq.conf"));
}
