// The driver of the kernel module, against the module's own sources on the fake kernel: the lives of jails,
// what they may, and how the module is found.
#include "pkgjail/confine/driver_kmod.hpp"

#include <cerrno>
#include <csignal>

#include "driver/driver_state.hpp"
#include "support/catch.hpp"

using namespace kmod_test;
using namespace pkgjail;

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
