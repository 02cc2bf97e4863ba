// Threads that do everything at once, for ThreadSanitizer and for the fake's own checks of locks. The result
// that is tested is that the counts come back to nothing.

#include "kernel.hpp"

#include <atomic>
#include <random>
#include <thread>

using namespace kmod_test;

namespace {

// Lives in a jail as one process: makes children, lets them change and end, asks about the others.
void live(proc* self, proc* neighbour, unsigned seed, const std::atomic<bool>& stop) {
    std::minstd_rand random(seed);
    std::vector<proc*> children;
    world_as(world_lwp(self));
    while (!stop && !world_killed()) {
        proc* child = nullptr;
        if (world_fork(static_cast<enum world_fork>(random() % 4), &child) == 0) {
            world_as(world_lwp(child));
            if (random() % 2 == 0)
                world_setuid(random() % 2000);
            if (random() % 2 == 0)
                world_setgroups();
            world_kill(neighbour, 0);
            world_as(world_lwp(self));
            children.push_back(child);
        }
        world_ask(random() % world_questions(), neighbour);
        world_kill(neighbour, 15);
        if (children.size() > 3 || (!children.empty() && random() % 3 == 0)) {
            world_as(world_lwp(children.back()));
            world_exit();
            world_as(world_lwp(self));
            world_reap(children.back());
            children.pop_back();
        }
    }
    for (proc* child : children) {
        world_as(world_lwp(child));
        world_exit();
        world_as(nullptr);
        world_reap(child);
    }
    world_as(world_lwp(self));
    world_exit();
    world_as(nullptr);
}

} // namespace

TEST_CASE("forks, exits, questions, sampling and administration at once leave the counts right",
          "[kmod][race]") {
    Kernel kernel(2);
    Spec spec;
    spec.limits.cpu_percent = 50;
    spec.limits.processes = 30;
    spec.limits.memory_bytes = 1 << 30;
    spec.name = "a";
    const Jail a = kernel.create(spec);
    spec.name = "b";
    spec.policy = PKGJAIL_PROFILE_LOW;
    const Jail b = kernel.create(spec);
    proc* outside = world_process(1000);
    proc* in_a[2]{kernel.enter(a), kernel.enter(a)};
    proc* in_b[2]{kernel.enter(b), kernel.enter(b)};
    proc* admin = world_process(0);
    int fd = -1;
    {
        const As as(admin);
        REQUIRE(name_of(world_open_device(&fd)) == "ok");
    }
    world_spin(world_lwp(in_a[1]), true);

    std::atomic<bool> stop{false}, stop_clock{false};
    world_threads(true);
    std::thread clock([&] {
        while (!stop_clock) {
            world_run(1);
            std::this_thread::sleep_for(std::chrono::microseconds(50));
        }
    });
    std::vector<std::thread> residents;
    residents.emplace_back([&] { live(in_a[0], in_b[1], 1, stop); });
    residents.emplace_back([&] { live(in_b[0], in_a[1], 2, stop); });
    residents.emplace_back([&] { live(outside, in_a[1], 3, stop); });
    std::thread waiter([&] {
        world_as(world_lwp(world_init()));
        while (!stop)
            kernel.events(a, 5);
    });
    std::thread administrator([&] {
        world_as(world_lwp(admin));
        for (unsigned i = 0; i < 150; ++i) {
            kernel.pause(a, i % 2 == 0);
            kernel.stat(b);
            if (kernel.list().size() < 2)
                std::abort();
            auto limits = spec.limits;
            limits.cpu_percent = i % 7 * 20;
            limits.processes = 20 + i % 20;
            kernel.set_limits(a, limits);
            auto create = request<pkgjail_create>();
            std::strcpy(create.name, "short-lived");
            int root = -1;
            vnode* directory = world_mkdir(world_root());
            world_open(directory, &root);
            create.root = root;
            if (world_ioctl(fd, PKGJAIL_IOC_CREATE, &create) == 0) {
                auto destroy = request<pkgjail_destroy>();
                destroy.ref = create.ref;
                world_ioctl(fd, PKGJAIL_IOC_DESTROY, &destroy);
            }
            world_close(root);
            world_rmdir(directory);
        }
        kernel.pause(a, false);
        world_as(nullptr);
    });
    administrator.join();
    stop = true;
    for (auto& resident : residents)
        resident.join();
    waiter.join();
    stop_clock = true;
    clock.join();
    world_threads(false);
    world_run(20);

    CHECK(kernel.stat(a).processes == 1);
    CHECK(kernel.stat(b).processes == 1);
    CHECK(kernel.stat(a).forks > 0);
    CHECK(kernel.list().size() == 2);
    exit_and_reap(admin);
}

TEST_CASE("a jail that is destroyed ends the waits for it", "[kmod][race]") {
    Kernel kernel(1);
    const Jail jail = kernel.create();
    world_threads(true);
    std::atomic<bool> waiting{false};
    std::string result;
    std::thread waiter([&] {
        world_as(world_lwp(world_init()));
        auto wait = request<pkgjail_wait>();
        wait.ref = jail.ref;
        wait.timeout_ms = 3600000; // the clock stands still: only the end of the jail ends it
        waiting = true;
        result = name_of(kernel.call(PKGJAIL_IOC_WAIT, wait));
        world_as(nullptr);
    });
    while (!waiting)
        std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));

    CHECK(kernel.destroy(jail) == "ok");
    waiter.join();
    CHECK(result == "ESRCH");
    world_threads(false);
}
