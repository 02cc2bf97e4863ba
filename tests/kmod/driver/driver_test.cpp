// The driver of the kernel module, against the module's own sources on the fake kernel.
#include "pkgjail/confine/driver_kmod.hpp"

#include <cerrno>
#include <csignal>
#include <filesystem>

#include "driver/fake_host.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace kmod_test;
using namespace pkgjail;
using confine::EntryStage;
using confine::KmodDriver;
namespace fs = std::filesystem;

namespace {

/// A state directory with what a root is made of, and descriptions of jails on it.
struct State {
    test::TempDir dir;

    State() {
        for (const char* name : {"skeleton/dev", "skeleton/proc", "skeleton/sys", "skeleton/usr/pkg",
                                 "skeleton/var", "skeleton/tmp", "tree/sbin", "data/run"})
            fs::create_directories(dir.path() / name);
    }
    confine::JailSpec spec(const std::string& name) const {
        confine::JailSpec spec;
        spec.handle = name;
        spec.jail = name;
        spec.root = dir / "skeleton";
        const auto bind = [&](const char* source, const char* target, bool writable) {
            confine::Mount mount;
            mount.source = dir / source;
            mount.target = base::RootPath::parse(target);
            mount.writable = writable;
            spec.mounts.push_back(mount);
        };
        bind("tree", "/usr/pkg", false);
        bind("data", "/var", true);
        confine::Mount memory;
        memory.kind = confine::Mount::Kind::tmpfs;
        memory.target = base::RootPath::parse("/var/run");
        memory.writable = true;
        spec.mounts.push_back(memory);
        spec.command = {"/usr/pkg/sbin/service", "-f"};
        spec.environment = {{"PATH", "/usr/pkg/sbin:/bin"}};
        return spec;
    }
    std::unique_ptr<KmodDriver> command(Machine& machine) const {
        return std::make_unique<KmodDriver>(std::make_unique<FakeHost>(machine), dir.path());
    }
    /// Directories that stand for jails on disk.
    std::string places() const {
        std::string names;
        for (const auto& entry : fs::directory_iterator(dir / "run" / "kmod"))
            names += entry.path().filename().string() + "\n";
        return names;
    }
};

std::string failure(const std::function<void()>& act) {
    try {
        act();
    } catch (const base::Error& error) {
        return error.object() + ": " + error.cause();
    }
    return "no failure";
}

const std::string whole_web = "jail web live 1\nmount web/root\nmount web/dev\nmount web/root/dev\n"
                              "mount web/root/usr/pkg\nmount web/root/var\nmount web/root/var/run\n";

} // namespace

TEST_CASE("a jail lives from create to remove, and nothing is left of it", "[kmod][driver]") {
    const State state;
    Machine machine;
    const auto driver = state.command(machine);
    auto spec = state.spec("web");
    spec.identity = {80, 80, {81}};
    const auto run = state.dir.path();

    const auto first = driver->create(spec, run, {});
    CHECK(machine.show() == whole_web);
    CHECK(driver->exists("web", run));
    CHECK(driver->handles() == std::vector<std::string>{"web"});
    CHECK(driver->processes("web", run) == std::vector<pid_t>{first.pid});
    driver->start(spec, run);
    CHECK(machine.inside("web").size() == 1);
    CHECK(failure([&] { driver->start(spec, run); }) ==
          "web: is started already, or was made by another process, which alone can start it");

    driver->remove("web", run);
    CHECK(machine.show().empty());
    CHECK(state.places().empty());
    CHECK(machine.log.empty()); // nothing by force
    CHECK_FALSE(driver->exists("web", run));
    CHECK(driver->processes("web", run).empty());
    driver->remove("web", run); // nothing there: nothing done
}

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

TEST_CASE("a jail is paused, goes on, and hears signals", "[kmod][driver]") {
    const State state;
    Machine machine;
    const auto driver = state.command(machine);
    const auto spec = state.spec("web");
    const auto run = state.dir.path();
    driver->create(spec, run, {});
    driver->start(spec, run);
    proc* service = machine.inside("web").at(0);
    world_spin(world_lwp(service), true);

    driver->pause("web", run);
    machine.run(50);
    CHECK(machine.show().substr(0, 23) == "jail web live 1 paused\n");
    const auto used = world_cpu_us(service);
    machine.run(200);
    CHECK(world_cpu_us(service) == used);
    CHECK(failure([&] { driver->exec(spec, run, {{"/bin/true"}, {}, "/", {}, false}); }) == "web: is paused");
    driver->resume("web", run);
    machine.run(200);
    CHECK(world_cpu_us(service) > used);

    driver->signal_all("web", run, SIGKILL);
    machine.run(50);
    CHECK(machine.inside("web").empty());
    CHECK(driver->exists("web", run)); // until somebody removes it
    CHECK(failure([&] {
              driver->exec(spec, run, {{"/bin/true"}, {}, "/", {}, false});
          }) == "web: is not running");
    driver->remove("web", run);
    CHECK(failure([&] { driver->pause("web", run); }) == "web: is not running");
    CHECK(failure([&] { driver->usage("web", run); }) == "web: is not running");
}

TEST_CASE("a further process is started inside, and ends with the jail", "[kmod][driver]") {
    const State state;
    Machine machine;
    const auto driver = state.command(machine);
    const auto spec = state.spec("web");
    const auto& run = state.dir.path();
    const confine::ExecRequest request{{"/usr/pkg/sbin/worker"}, {}, "/", {}, false};
    CHECK(failure([&] { driver->spawn(spec, run, request, {}); }) == "web: is not running");
    const auto first = driver->create(spec, run, {});
    CHECK(failure([&] { driver->spawn(spec, run, request, {}); }) == "web: is not running"); // not let go yet
    driver->start(spec, run);

    const auto second = driver->spawn(spec, run, request, {});
    CHECK(driver->processes("web", run) == std::vector<pid_t>{first.pid, second.pid});
    machine.missing_programs = {"/usr/pkg/sbin/worker"};
    CHECK_THAT(failure([&] { driver->spawn(spec, run, request, {}); }), ContainsSubstring("no such program"));
    machine.run(20);
    CHECK(driver->processes("web", run).size() == 2);
    driver->remove("web", run);
    CHECK(machine.show().empty());
}

TEST_CASE("two jails are apart, and removing one leaves the other", "[kmod][driver]") {
    const State state;
    Machine machine;
    const auto driver = state.command(machine);
    const auto other = state.command(machine); // another command, on the same kernel
    const auto run = state.dir.path();
    for (const char* name : {"web", "db"}) {
        const auto spec = state.spec(name);
        auto& by = name == std::string("web") ? driver : other;
        by->create(spec, run, {});
        by->start(spec, run);
    }

    CHECK(other->processes("web", run) == driver->processes("web", run));
    CHECK(driver->handles() == std::vector<std::string>{"db", "web"});
    lwp* before = world_as(world_lwp(machine.inside("web").at(0)));
    CHECK(host_errno(world_kill(machine.inside("db").at(0), 9)) == EPERM);
    world_as(before);
    other->remove("web", run);
    CHECK(machine.show() == "jail db live 1\nmount db/root\nmount db/dev\nmount db/root/dev\n"
                            "mount db/root/usr/pkg\nmount db/root/var\nmount db/root/var/run\n");
    driver->remove("db", run);
    CHECK(machine.show().empty());
}

TEST_CASE("a port that another jail claims is refused by the kernel, and all is undone", "[kmod][driver]") {
    const State state;
    Machine machine;
    const auto driver = state.command(machine);
    auto web = state.spec("web"), second = state.spec("second");
    web.claims = {{"tcp", "", 8080}, {"udp", "", 8080}};
    second.claims = {{"tcp", "", 8080}};
    driver->create(web, state.dir.path(), {});

    CHECK(failure([&] { driver->create(second, state.dir.path(), {}); }) ==
          "second: another jail in the kernel has claimed one of its ports");
    CHECK(machine.show() == whole_web);
    CHECK(state.places() == "web\n");
    world_bind port{};
    port.family = 4;
    port.type = 1;
    port.port = 8080;
    lwp* before = world_as(world_lwp(machine.inside("web").at(0)));
    CHECK(world_ask_bind(&port).allowed);
    port.port = 8081;
    CHECK_FALSE(world_ask_bind(&port).allowed);
    world_as(before);
    driver->remove("web", state.dir.path());
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

TEST_CASE("a program that is not there, or a directory, is said before the start", "[kmod][driver]") {
    const State state;
    Machine machine;
    const auto driver = state.command(machine);
    machine.missing_programs = {"/usr/pkg/sbin/service"};

    CHECK(failure([&] { driver->create(state.spec("web"), state.dir.path(), {}); }) ==
          "/usr/pkg/sbin/service: no such program in jail web");
    CHECK(machine.show().empty());
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

TEST_CASE("a further process goes in beside the service, with its own identity", "[kmod][driver]") {
    const State state;
    Machine machine;
    const auto driver = state.command(machine);
    const auto spec = state.spec("web");
    driver->create(spec, state.dir.path(), {});
    confine::ExecRequest request;
    request.command = {"id"};
    request.environment = {{"PATH", "/usr/pkg/bin:/bin"}};
    CHECK(failure([&] { driver->exec(spec, state.dir.path(), request); }) == "web: is not running");
    driver->start(spec, state.dir.path());

    machine.ends_with = 3;
    CHECK(driver->exec(spec, state.dir.path(), request).describe() == "exit status 3");
    CHECK(machine.inside("web").size() == 1);
    machine.missing_programs = {"/usr/pkg/bin/id"};
    CHECK(driver->exec(spec, state.dir.path(), request).value == 3); // found in /bin
    machine.missing_programs.insert("/bin/id");
    CHECK(failure([&] { driver->exec(spec, state.dir.path(), request); }) ==
          "id: no such program in jail web");
    machine.ends_with.reset();
    driver->remove("web", state.dir.path());
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

TEST_CASE("the module is loaded when it is not there", "[kmod][driver]") {
    const State state;
    Machine machine(false);
    machine.node.reset();
    const auto driver = state.command(machine);

    CHECK(machine.log == "load /usr/pkg/lib/pkgjail/pkgjail.kmod\nmknod 210\n");
    CHECK(driver->info().name == "kmod");
    CHECK(driver->info().detail == "kernel module pkgjail, interface 1, sampling every 10 ms, 0 jails");
    CHECK(driver->info().notes.at(0) == "module loaded from /usr/pkg/lib/pkgjail/pkgjail.kmod");
    driver->create(state.spec("web"), state.dir.path(), {});
    driver->remove("web", state.dir.path());
}

TEST_CASE("what is missing for a driver is said", "[kmod][driver]") {
    const State state;
    const auto complaint = [&](bool loaded, auto change) {
        Machine machine(loaded);
        change(machine);
        return failure([&] { state.command(machine); });
    };

    CHECK(complaint(true, [](Machine&) {}) == "no failure");
    CHECK(complaint(false, [](Machine& m) { m.modules.clear(); }) ==
          "kernel module pkgjail: cannot be loaded: /usr/pkg/lib/pkgjail/pkgjail.kmod: No such file or "
          "directory; pkgjail: No such file or directory");
    CHECK(complaint(false, [](Machine& m) { m.securelevel = 1; }) ==
          "kernel module pkgjail: is not loaded, and at security level 1 none can be");
    CHECK(complaint(true, [](Machine& m) { m.version = 7; }) ==
          "kernel module pkgjail: has version 7 of the control interface, this pkgjail has 1");
    CHECK(complaint(true, [](Machine& m) {
              m.node.reset();
              m.failing_requests[0] = EROFS;
          }) == "/dev/pkgjail: is missing and cannot be made: Read-only file system");
    CHECK(complaint(true, [](Machine& m) {
              m.node = std::uint64_t{180} << 8; // of the boot before: another driver's today
              m.failing_requests[0] = EROFS;
          }) == "/dev/pkgjail: is another device and cannot be made: Read-only file system");
    CHECK(complaint(true, [](Machine& m) { m.failing_requests[PKGJAIL_IOC_VERSION] = ENOTTY; }) ==
          "/dev/pkgjail: does not say its version (Inappropriate ioctl for device), this pkgjail has 1");
}

TEST_CASE("a device node of another boot is replaced", "[kmod][driver]") {
    const State state;
    Machine machine;
    machine.node = std::uint64_t{180} << 8;
    state.command(machine);

    CHECK(machine.log == "mknod 210\n");
    CHECK(machine.node == std::uint64_t{210} << 8);
}

TEST_CASE("a jail without network has no Internet sockets in the kernel", "[kmod][driver]") {
    const State state;
    Machine machine;
    const auto driver = state.command(machine);
    auto spec = state.spec("build");
    spec.network = jail::NetworkMode::none;
    spec.profile = jail::Profile::low;
    driver->create(spec, state.dir.path(), {});
    proc* inside = machine.inside("build").at(0);

    lwp* before = world_as(world_lwp(inside));
    for (std::size_t q = 0; q < world_questions(); ++q)
        if (std::string(world_question(q)) == "network socket inet")
            CHECK(world_ask(q, nullptr).module == WORLD_DENY);
    world_as(before);
    driver->remove("build", state.dir.path());
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
