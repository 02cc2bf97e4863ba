// The number of processes: exact, whatever happens to a fork.

#include "kernel.hpp"

#include <algorithm>

using namespace kmod_test;

namespace {

Jail jail_of(Kernel& kernel, std::uint32_t processes) {
    Spec spec;
    spec.limits.processes = processes;
    return kernel.create(spec);
}

} // namespace

TEST_CASE("a jail of five processes makes four children and no fifth", "[kmod][fork]") {
    Kernel kernel;
    const Jail jail = jail_of(kernel, 5);
    proc* first = kernel.enter(jail);

    std::vector<proc*> children;
    for (int i = 0; i < 12; ++i)
        if (proc* child = fork_from(first))
            children.push_back(child);
    CHECK(children.size() == 4);
    CHECK(kernel.stat(jail).processes == 5);
    CHECK(kernel.stat(jail).forks_refused == 8);
    CHECK(kernel.events(jail) == PKGJAIL_EVENT_FORK);
    exit_and_reap(children.back());
    CHECK(fork_from(first) != nullptr);
    CHECK(fork_from(first) == nullptr);
    CHECK(kernel.stat(jail).processes_peak == 5);
}

TEST_CASE("every way to make a process is counted", "[kmod][fork]") {
    for (const auto kind : {WORLD_FORK, WORLD_VFORK, WORLD_SPAWN}) {
        Kernel kernel;
        const Jail jail = jail_of(kernel, 2);
        proc* first = kernel.enter(jail);

        proc* child = fork_from(first, kind);
        REQUIRE(child != nullptr);
        CHECK(kernel.stat(jail).processes == 2);
        CHECK(fork_from(child, kind) == nullptr);
        exit_and_reap(child);
        CHECK(kernel.stat(jail).processes == 1);
    }
}

TEST_CASE("a fork that fails after it was admitted keeps one slot, for the next fork", "[kmod][fork]") {
    Kernel kernel;
    const Jail jail = jail_of(kernel, 3);
    proc* first = kernel.enter(jail);

    for (int i = 0; i < 10; ++i)
        CHECK(fork_from(first, WORLD_FORK_FAILS) == nullptr);
    CHECK(kernel.stat(jail).processes == 2); // itself, and the slot
    proc* child = fork_from(first);
    REQUIRE(child != nullptr);
    CHECK(kernel.stat(jail).processes == 2);
    CHECK(fork_from(child, WORLD_FORK_FAILS) == nullptr);
    CHECK(kernel.stat(jail).processes == 3);
    CHECK(fork_from(first) == nullptr); // full, though only two live
    exit_and_reap(child);               // and its slot with it
    CHECK(kernel.stat(jail).processes == 1);
}

TEST_CASE("a thread that ends gives back the slot of its failed fork", "[kmod][fork]") {
    Kernel kernel;
    const Jail jail = jail_of(kernel, 4);
    proc* first = kernel.enter(jail);
    lwp* thread = world_thread(first);
    {
        const As as(thread);
        CHECK(name_of(world_fork(WORLD_FORK_FAILS, nullptr)) == "ENOMEM");
    }
    CHECK(kernel.stat(jail).processes == 2);

    world_thread_exit(thread);
    CHECK(kernel.stat(jail).processes == 1);
}

TEST_CASE("lowering the limit below what is there stops forks only", "[kmod][fork]") {
    Kernel kernel;
    const Jail jail = jail_of(kernel, 5);
    proc* first = kernel.enter(jail);
    proc* child = fork_from(first);
    REQUIRE(fork_from(first) != nullptr);

    pkgjail_limits limits{};
    limits.processes = 2;
    REQUIRE(kernel.set_limits(jail, limits) == "ok");
    CHECK(kernel.stat(jail).processes == 3);
    CHECK(fork_from(first) == nullptr);
    exit_and_reap(child);
    CHECK(fork_from(first) == nullptr);
    limits.processes = 0;
    REQUIRE(kernel.set_limits(jail, limits) == "ok");
    CHECK(fork_from(first) != nullptr);
}

TEST_CASE("a zombie is not counted, and asking about it is harmless", "[kmod][fork]") {
    Kernel kernel;
    const Jail jail = jail_of(kernel, 2);
    proc* first = kernel.enter(jail);
    proc* child = fork_from(first);
    {
        const As as(child);
        world_exit();
    }
    REQUIRE(world_is_zombie(child));

    CHECK(kernel.stat(jail).processes == 1);
    const As as(first);
    for (std::size_t i = 0; i < world_questions(); ++i)
        if (world_question_target(i) == WORLD_PROCESS)
            world_ask(i, child);                   // the fake stops at a dead lock
    CHECK(name_of(world_kill(child, 15)) == "ok"); // it is of the same jail
    world_reap(child);
}

TEST_CASE("a process in creation is counted, and not touched by sampling", "[kmod][fork]") {
    Kernel kernel;
    Spec spec;
    spec.limits.processes = 3;
    spec.limits.cpu_percent = 10;
    spec.limits.memory_bytes = 1 << 20;
    const Jail jail = kernel.create(spec);
    proc* first = kernel.enter(jail);
    world_spin(world_lwp(first), true);
    world_slow_forks(200); // many rounds look at a child without memory, descriptors or threads

    proc* child = fork_from(first);
    REQUIRE(child != nullptr);
    CHECK(kernel.stat(jail).processes == 2);
    REQUIRE(kernel.end(jail.ref) == "ok");
    world_run(50);
    CHECK(kernel.stat(jail).processes == 0);
}

TEST_CASE("a fork storm never passes the limit and comes back to nothing", "[kmod][fork]") {
    Kernel kernel;
    const Jail jail = jail_of(kernel, 20);
    std::vector<proc*> living{kernel.enter(jail)};
    unsigned state = 1;
    const auto random = [&](unsigned below) {
        return (state = state * 1664525 + 1013904223) / 65536 % below;
    };

    for (int i = 0; i < 20000; ++i) {
        proc* some = living[random(static_cast<unsigned>(living.size()))];
        if (random(3) != 0) {
            if (proc* child = fork_from(some, static_cast<enum world_fork>(random(4))))
                living.push_back(child);
        } else if (living.size() > 1) {
            living.erase(std::find(living.begin(), living.end(), some));
            exit_and_reap(some);
        }
        if (living.size() > 20)
            FAIL("more processes than the limit");
    }
    CHECK(kernel.stat(jail).processes_peak == 20);
    for (proc* process : living)
        exit_and_reap(process);
    CHECK(kernel.stat(jail).processes == 0);
}
