// CPU share, memory and threads on the virtual clock.

#include "kernel.hpp"

#include <algorithm>
#include <cmath>

using namespace kmod_test;

namespace {

constexpr std::uint64_t MiB = 1 << 20;

Jail jail_with(Kernel& kernel, const pkgjail_limits& limits, const std::string& name = "web") {
    Spec spec;
    spec.name = name;
    spec.limits = limits;
    return kernel.create(spec);
}

pkgjail_limits cpu(std::uint32_t percent) {
    pkgjail_limits limits{};
    limits.cpu_percent = percent;
    return limits;
}

pkgjail_limits memory(std::uint64_t bytes) {
    pkgjail_limits limits{};
    limits.memory_bytes = bytes;
    return limits;
}

proc* spinner(Kernel& kernel, const Jail& jail) {
    proc* process = kernel.enter(jail);
    world_spin(world_lwp(process), true);
    return process;
}

// Percent of one CPU used by the jail over some time, by the module's own count.
double share(Kernel& kernel, const Jail& jail, std::uint64_t ms) {
    const auto before = kernel.stat(jail).cpu_us;
    world_run(ms);
    return static_cast<double>(kernel.stat(jail).cpu_us - before) / static_cast<double>(ms * 1000) * 100;
}

} // namespace

TEST_CASE("a jail of many processes is looked at less often, and its neighbour is not", "[kmod][limit]") {
    Kernel kernel(2);
    const Jail crowd = jail_with(kernel, cpu(50), "crowd");
    const Jail few = jail_with(kernel, cpu(50), "few");
    proc* members[] = {spinner(kernel, crowd), spinner(kernel, few)};
    lwp* before = world_as(world_lwp(members[0]));
    for (int i = 1; i < 1500; ++i) // three times its portion, which is half of a thousand
        REQUIRE(world_fork(WORLD_FORK, nullptr) == 0);
    world_as(before);
    world_run(500);

    // How long each is left to run, or kept suspended, at the least.
    std::uint64_t shortest[2] = {1000, 1000}, since[2] = {};
    bool suspended[2] = {world_suspended(world_lwp(members[0])), world_suspended(world_lwp(members[1]))};
    bool whole[2] = {};
    for (int ms = 0; ms < 1000; ++ms) {
        world_run(1);
        for (int i = 0; i < 2; ++i) {
            ++since[i];
            if (world_suspended(world_lwp(members[i])) == suspended[i])
                continue;
            suspended[i] = !suspended[i];
            if (whole[i])
                shortest[i] = std::min(shortest[i], since[i]);
            whole[i] = true;
            since[i] = 0;
        }
    }
    CHECK(shortest[0] >= 25); // 30, but for the step of the clock
    CHECK(shortest[0] <= 35);
    CHECK(shortest[1] <= 15);
    const auto used = kernel.stat(crowd).cpu_us;
    CHECK(std::abs(share(kernel, few, 3000) - 50) < 2);
    CHECK(std::abs(static_cast<double>(kernel.stat(crowd).cpu_us - used) / 30'000 - 50) < 2);
}

TEST_CASE("a CPU share holds within two percent of itself, whatever runs inside", "[kmod][limit]") {
    struct Case {
        int cpus, processes;
        std::uint32_t percent;
    };
    for (const Case& c : {Case{1, 1, 25}, Case{2, 2, 25}, Case{2, 4, 50}, Case{2, 2, 120}, Case{2, 3, 190},
                          Case{1, 1, 1}, Case{4, 8, 3}, Case{4, 8, 250}, Case{2, 1, 90}}) {
        Kernel kernel(c.cpus);
        const Jail jail = jail_with(kernel, cpu(c.percent));
        for (int i = 0; i < c.processes; ++i)
            spinner(kernel, jail);
        // One that was idle is seen to run after 100 ms, and pays for them first.
        world_run(3000 + static_cast<std::uint64_t>(c.cpus) * 12'000 / c.percent);

        // A round lasts 10 ms on every CPU; the window has to hold a hundred of them to show two percent.
        const auto window = static_cast<std::uint64_t>(c.cpus) * 100 * 10 * 100 / c.percent;
        const double used = share(kernel, jail, std::max<std::uint64_t>(window, 20000));
        INFO(c.cpus << " CPUs, " << c.processes << " processes, limit " << c.percent << "%, used " << used
                    << "%");
        CHECK(used >= c.percent * 0.98);
        CHECK(used <= c.percent * 1.02);
        CHECK(kernel.stat(jail).cpu_throttles > 0);
        CHECK((kernel.events(jail) & PKGJAIL_EVENT_CPU) != 0);
    }
}

TEST_CASE("short-lived processes do not escape the CPU share", "[kmod][limit]") {
    Kernel kernel(2);
    const Jail jail = jail_with(kernel, cpu(20));
    proc* parent = kernel.enter(jail);
    const auto before = kernel.stat(jail).cpu_us, start = world_now_us();
    std::uint64_t truly = 0;

    for (int i = 0; i < 2000; ++i) { // each runs for 5 ms, less than a sampling period
        proc* child = fork_from(parent);
        world_spin(world_lwp(child), true);
        while (world_cpu_us(child) < 5000)
            world_run(1);
        truly += world_cpu_us(child);
        exit_and_reap(child);
    }
    const auto counted = kernel.stat(jail).cpu_us - before;
    CHECK(counted >= truly);
    CHECK(counted <= truly + 2000 * 1000); // the slice under way at the end of each
    CHECK(static_cast<double>(truly) / static_cast<double>(world_now_us() - start) <= 0.204);
}

TEST_CASE("two limited jails and the host do not disturb each other's shares", "[kmod][limit]") {
    Kernel kernel(4);
    const Jail a = jail_with(kernel, cpu(30), "a"), b = jail_with(kernel, cpu(70), "b");
    spinner(kernel, a);
    spinner(kernel, a);
    spinner(kernel, b);
    proc* host = world_process(1000);
    world_spin(world_lwp(host), true);
    world_run(3000);

    const auto a0 = kernel.stat(a).cpu_us, b0 = kernel.stat(b).cpu_us, h0 = world_cpu_us(host);
    world_run(20000);
    CHECK(static_cast<double>(kernel.stat(a).cpu_us - a0) / 2e7 == Approx(0.30).epsilon(0.02));
    CHECK(static_cast<double>(kernel.stat(b).cpu_us - b0) / 2e7 == Approx(0.70).epsilon(0.02));
    CHECK(static_cast<double>(world_cpu_us(host) - h0) / 2e7 == Approx(1.0).epsilon(0.02));
}

TEST_CASE("a raised, lowered and lifted CPU limit holds at once", "[kmod][limit]") {
    Kernel kernel(2);
    const Jail jail = jail_with(kernel, cpu(10));
    spinner(kernel, jail);
    world_run(1500); // pays for its first 100 ms, in which nobody looked

    CHECK(share(kernel, jail, 5000) == Approx(10).epsilon(0.03));
    REQUIRE(kernel.set_limits(jail, cpu(60)) == "ok");
    world_run(200);
    CHECK(share(kernel, jail, 5000) == Approx(60).epsilon(0.02));
    REQUIRE(kernel.set_limits(jail, cpu(0)) == "ok");
    world_run(50);
    CHECK(share(kernel, jail, 1000) == Approx(100).epsilon(0.02));
}

TEST_CASE("SIGKILL ends a throttled process within three rounds", "[kmod][limit]") {
    Kernel kernel(1);
    const Jail jail = jail_with(kernel, cpu(1));
    proc* process = spinner(kernel, jail);
    world_run(1000);
    REQUIRE(world_suspended(world_lwp(process)));

    CHECK(name_of(world_kill(process, 9)) == "ok");
    world_run(30);
    CHECK(world_is_zombie(process));
    CHECK(kernel.stat(jail).processes == 0);
}

TEST_CASE("threads that the application suspended stay so when the jail is released", "[kmod][limit]") {
    Kernel kernel(2);
    const Jail jail = kernel.create();
    proc* process = spinner(kernel, jail);
    lwp* other = world_thread(process);
    world_spin(other, true);
    world_run(5);
    world_user_suspend(other, true);
    REQUIRE(kernel.pause(jail, true) == "ok");
    world_run(50);

    REQUIRE(kernel.pause(jail, false) == "ok");
    world_run(20);
    CHECK(world_suspended(other));
    CHECK(share(kernel, jail, 1000) == Approx(100).epsilon(0.02));
}

TEST_CASE("a paused jail uses nothing, also what wakes up later, and then goes on", "[kmod][limit]") {
    Kernel kernel(3);
    const Jail jail = kernel.create();
    proc* running = spinner(kernel, jail);
    proc* sleeper = kernel.enter(jail);
    proc* stopped = spinner(kernel, jail);
    world_user_stop(world_lwp(stopped), true);
    world_run(20);

    REQUIRE(kernel.pause(jail, true) == "ok");
    world_run(20);
    CHECK(share(kernel, jail, 500) == 0);
    CHECK((kernel.stat(jail).flags & PKGJAIL_IS_PAUSED) != 0);
    CHECK_FALSE(world_suspended(world_lwp(sleeper))); // it was not woken for it
    CHECK_FALSE(world_suspended(world_lwp(stopped)));
    world_spin(world_lwp(sleeper), true);
    world_user_stop(world_lwp(stopped), false);
    CHECK(share(kernel, jail, 500) == 0);
    REQUIRE(kernel.pause(jail, false) == "ok");
    CHECK(share(kernel, jail, 500) >= 295);
    CHECK_FALSE(world_suspended(world_lwp(running)));
}

TEST_CASE("what slept through a pause wakes afterwards as if there had been none", "[kmod][limit]") {
    Kernel kernel(1);
    const Jail jail = kernel.create();
    proc* sleeper = kernel.enter(jail);
    proc* stopped = spinner(kernel, jail);
    world_user_stop(world_lwp(stopped), true);
    REQUIRE(kernel.pause(jail, true) == "ok");
    world_run(50);
    REQUIRE(kernel.pause(jail, false) == "ok");
    CHECK(share(kernel, jail, 500) == 0);

    world_spin(world_lwp(sleeper), true);

    CHECK(share(kernel, jail, 500) >= 98);
    world_spin(world_lwp(sleeper), false);
    world_user_stop(world_lwp(stopped), false);
    CHECK(share(kernel, jail, 500) >= 98);
}

TEST_CASE("a process with more threads than are remembered is released whole", "[kmod][limit]") {
    Kernel kernel(2);
    const Jail jail = kernel.create();
    proc* process = spinner(kernel, jail);
    std::vector<lwp*> threads;
    for (int i = 0; i < 100; ++i) {
        threads.push_back(world_thread(process));
        world_spin(threads.back(), true);
    }
    REQUIRE(kernel.pause(jail, true) == "ok");
    world_run(30);
    REQUIRE(std::all_of(threads.begin(), threads.end(), world_suspended));

    REQUIRE(kernel.pause(jail, false) == "ok");
    CHECK(std::none_of(threads.begin(), threads.end(), world_suspended));
}

TEST_CASE("memory passes its limit by no more than one round can fill", "[kmod][limit]") {
    // The bound: what the CPUs fill in one period of 10 ms and the tick in which it ends.
    struct Case {
        int cpus, processes;
        std::uint64_t limit, per_ms;
    };
    for (const Case& c : {Case{1, 1, 64 * MiB, 500 * 1024}, Case{2, 2, 64 * MiB, MiB},
                          Case{2, 5, 256 * MiB, 2 * MiB}, Case{4, 4, 128 * MiB, 3 * MiB},
                          Case{2, 2, 4096 * MiB, 3 * MiB}, Case{1, 1, 16 * MiB, 100 * 1024}}) {
        Kernel kernel(c.cpus);
        const Jail jail = jail_with(kernel, memory(c.limit));
        std::vector<proc*> processes;
        for (int i = 0; i < c.processes; ++i) {
            processes.push_back(spinner(kernel, jail));
            world_fill(processes.back(), c.per_ms);
        }
        std::uint64_t peak = 0;
        for (int ms = 0; ms < 10000 && kernel.stat(jail).processes > 0; ++ms) {
            world_run(1);
            std::uint64_t total = 0;
            for (proc* process : processes)
                if (!world_is_zombie(process))
                    total += world_memory(process);
            peak = std::max(peak, total);
        }
        const std::uint64_t bound = static_cast<std::uint64_t>(c.cpus) * c.per_ms * 11;
        INFO(c.cpus << " CPUs, limit " << c.limit << ", peak " << peak << ", bound " << c.limit + bound);
        CHECK(peak > c.limit * 9 / 10); // it was used, too
        CHECK(peak <= c.limit + bound);
        CHECK(kernel.stat(jail).memory_kills > 0);
        CHECK(kernel.stat(jail).memory_throttles > 0);
        CHECK((kernel.events(jail) & PKGJAIL_EVENT_KILL) != 0);
    }
}

TEST_CASE("of several processes the largest is killed, and only as many as needed", "[kmod][limit]") {
    Kernel kernel(2);
    const Jail jail = jail_with(kernel, memory(100 * MiB));
    proc* small = spinner(kernel, jail);
    proc* large = spinner(kernel, jail);
    world_set_memory(small, 30 * MiB);
    world_set_memory(large, 65 * MiB);
    world_run(50);
    REQUIRE(kernel.stat(jail).memory_kills == 0);

    world_set_memory(small, 45 * MiB);
    world_linger(large, 60); // while it goes, nobody else is killed in its stead
    world_run(100);
    CHECK(world_is_zombie(large));
    CHECK_FALSE(world_is_zombie(small));
    CHECK(kernel.stat(jail).memory_kills == 1);
    CHECK(kernel.stat(jail).memory_bytes == 45 * MiB);
    CHECK(kernel.stat(jail).memory_peak_bytes == 110 * MiB);
}

TEST_CASE("a jail that stays near its memory limit is not slowed down", "[kmod][limit]") {
    Kernel kernel(1);
    const Jail jail = jail_with(kernel, memory(100 * MiB));
    proc* process = spinner(kernel, jail);
    world_set_memory(process, 97 * MiB);
    world_run(100);

    CHECK(share(kernel, jail, 2000) == Approx(100).epsilon(0.01));
}

TEST_CASE("the memory of a vfork child is its parent's and counts once", "[kmod][limit]") {
    Kernel kernel(1);
    const Jail jail = jail_with(kernel, memory(100 * MiB));
    proc* parent = kernel.enter(jail);
    world_set_memory(parent, 80 * MiB);
    proc* child = fork_from(parent, WORLD_VFORK);

    CHECK(kernel.stat(jail).memory_bytes == 80 * MiB);
    world_run(100);
    CHECK_FALSE(world_is_zombie(parent));
    exit_and_reap(child);
}

TEST_CASE("too many threads stop forks, and far too many cost the process that has most", "[kmod][limit]") {
    Kernel kernel(1);
    pkgjail_limits limits{};
    limits.threads = 10;
    const Jail jail = jail_with(kernel, limits);
    proc* modest = kernel.enter(jail);
    proc* greedy = kernel.enter(jail);
    for (int i = 0; i < 10; ++i)
        world_thread(greedy);
    world_run(210);

    CHECK(kernel.stat(jail).threads == 12);
    CHECK(fork_from(modest) == nullptr);
    for (int i = 0; i < 12; ++i)
        world_thread(greedy);
    world_run(310);
    CHECK(world_is_zombie(greedy));
    CHECK_FALSE(world_is_zombie(modest));
    world_run(110);
    CHECK(fork_from(modest) != nullptr);
}

TEST_CASE("a jail without limits costs no sampling", "[kmod][limit]") {
    Kernel kernel(1);
    const Jail jail = kernel.create();
    spinner(kernel, jail);
    world_run(5000);

    const auto stat = kernel.stat(jail);
    CHECK(stat.cpu_throttles == 0);
    CHECK(stat.cpu_us == Approx(5000000).epsilon(0.01)); // read on demand all the same
    CHECK(stat.blocks_in > 0);
}
