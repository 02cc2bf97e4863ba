// ENTER: each precondition broken once, what it changes, and that there is no way back.

#include "kernel.hpp"

using namespace kmod_test;

namespace {

// Tries ENTER after `change` was made by the process itself, and tells the result.
template <typename Change>
std::string enter_after(Kernel& kernel, const Jail& jail, Change change, std::uint64_t keep = 0) {
    int fd = -1;
    proc* process = kernel.prepare(jail, fd);
    {
        const As as(process);
        change(process);
    }
    const std::string result = Kernel::enter_as(process, fd, jail, keep);
    CHECK((world_jail_of(process) != 0) == (result == "ok"));
    CHECK(kernel.stat(jail).processes == (result == "ok" ? 1 : 0));
    world_share(process, false, false, false);
    exit_and_reap(process);
    return result;
}

} // namespace

TEST_CASE("a process that is ready enters", "[kmod][enter]") {
    Kernel kernel;
    const Jail jail = kernel.create();

    CHECK(enter_after(kernel, jail, [](proc*) {}) == "ok");
}

TEST_CASE("a process that shares, is traced or has threads does not enter", "[kmod][enter]") {
    Kernel kernel;
    const Jail jail = kernel.create();

    CHECK(enter_after(kernel, jail, [](proc* p) { world_thread(p); }) == "EBUSY");
    CHECK(enter_after(kernel, jail, [](proc* p) { world_trace(p, true); }) == "EBUSY");
    CHECK(enter_after(kernel, jail, [](proc* p) { world_share(p, true, false, false); }) == "EBUSY");
    CHECK(enter_after(kernel, jail, [](proc* p) { world_share(p, false, true, false); }) == "EBUSY");
    CHECK(enter_after(kernel, jail, [](proc* p) { world_share(p, false, false, true); }) == "EBUSY");
}

TEST_CASE("a child that does not lead a session, or of vfork, does not enter", "[kmod][enter]") {
    Kernel kernel;
    const Jail jail = kernel.create();
    int fd = -1;
    proc* parent = kernel.prepare(jail, fd);

    proc* forked = fork_from(parent);
    CHECK(Kernel::enter_as(forked, fd, jail) == "EBUSY");
    proc* vforked = fork_from(parent, WORLD_VFORK);
    {
        const As as(vforked);
        REQUIRE(name_of(world_setsid()) == "ok");
    }
    CHECK(Kernel::enter_as(vforked, fd, jail) == "EBUSY");
    exit_and_reap(vforked);
    exit_and_reap(forked);
    exit_and_reap(parent);
}

TEST_CASE("the root directory must be the jail's, and the working directory below it", "[kmod][enter]") {
    Kernel kernel;
    const Jail jail = kernel.create("a"), other = kernel.create("b");
    vnode* outside = world_mkdir(world_root());
    vnode* below = world_mkdir(jail.root);

    CHECK(enter_after(kernel, jail, [&](proc*) { world_chroot(other.root); }) == "EXDEV");
    CHECK(enter_after(kernel, jail, [&](proc*) { world_chroot(below); }) == "EXDEV");
    CHECK(enter_after(kernel, jail, [&](proc*) { world_chdir(outside); }) == "EXDEV");
    CHECK(enter_after(kernel, jail, [&](proc*) { world_chdir(world_root()); }) == "EXDEV");
    CHECK(enter_after(kernel, jail, [&](proc*) { world_chdir(below); }) == "ok");
    world_rmdir(outside);
    world_rmdir(below);
}

TEST_CASE("descriptors that were not named, and directories outside, keep a process out", "[kmod][enter]") {
    Kernel kernel;
    const Jail jail = kernel.create();
    vnode* outside = world_mkdir(world_root());
    vnode* file = world_mkreg(world_root());
    int fd = -1; // the device is descriptor 0, so this one becomes 1

    CHECK(enter_after(kernel, jail, [&](proc*) { world_open(file, &fd); }) == "EBUSY");
    CHECK(fd == 1);
    CHECK(enter_after(
              kernel, jail, [&](proc*) { world_open(file, &fd); }, 2) == "ok");
    CHECK(enter_after(
              kernel, jail, [&](proc*) { world_open(outside, &fd); }, 2) == "EBUSY");
    CHECK(enter_after(
              kernel, jail, [&](proc*) { world_open(world_root(), &fd); }, ~std::uint64_t{0}) == "EBUSY");
    CHECK(enter_after(
              kernel, jail, [&](proc*) { world_open(jail.root, &fd); }, 2) == "ok");
    CHECK(enter_after(
              kernel, jail,
              [&](proc*) {
                  for (int i = 0; i < 70; ++i)
                      world_open(file, &fd); // past what a mask can name
              },
              ~std::uint64_t{0}) == "EBUSY");
    world_rmdir(outside);
    world_rmdir(file);
}

TEST_CASE("an entering process is refused when the jail is full, and takes nothing", "[kmod][enter]") {
    Kernel kernel;
    Spec spec;
    spec.limits.processes = 1;
    const Jail jail = kernel.create(spec);
    proc* inside = kernel.enter(jail);

    proc* refused = nullptr;
    CHECK(kernel.try_enter(jail, &refused) == "EAGAIN");
    CHECK(world_jail_of(refused) == 0);
    CHECK(kernel.stat(jail).processes == 1);
    exit_and_reap(inside);
    CHECK(kernel.try_enter(jail) == "ok");
}

TEST_CASE("a process whose limits cannot be set stays outside and takes nothing", "[kmod][enter]") {
    Kernel kernel;
    Spec spec;
    spec.limits.rlimit_mask = 1U << PKGJAIL_RLIMIT_NOFILE;
    spec.limits.rlimit[PKGJAIL_RLIMIT_NOFILE] = 256;
    const Jail jail = kernel.create(spec);

    world_fail_setrlimit(true);
    proc* refused = nullptr;
    CHECK(kernel.try_enter(jail, &refused) == "EPERM");
    world_fail_setrlimit(false);
    CHECK(world_jail_of(refused) == 0);
    CHECK(kernel.stat(jail).processes == 0);
    CHECK(kernel.destroy(jail) == "ok");
}

TEST_CASE("the jail's process limits are set on entering and inherited", "[kmod][enter]") {
    Kernel kernel;
    Spec spec;
    spec.limits.rlimit_mask = 1U << PKGJAIL_RLIMIT_NOFILE | 1U << PKGJAIL_RLIMIT_CORE;
    spec.limits.rlimit[PKGJAIL_RLIMIT_NOFILE] = 256;
    spec.limits.rlimit[PKGJAIL_RLIMIT_CORE] = 0;
    const Jail jail = kernel.create(spec);

    proc* inside = kernel.enter(jail);
    CHECK(world_rlimit(inside, PKGJAIL_RLIMIT_NOFILE) == 256);
    CHECK(world_rlimit(inside, PKGJAIL_RLIMIT_CORE) == 0);
    CHECK(world_rlimit(inside, PKGJAIL_RLIMIT_AS) > (std::uint64_t{1} << 60));
    proc* child = fork_from(inside);
    CHECK(world_rlimit(child, PKGJAIL_RLIMIT_NOFILE) == 256);
}

TEST_CASE("a hard limit is raised only where the policy says so, and not above the jail's", "[kmod][enter]") {
    Kernel kernel;
    Spec spec;
    spec.limits.rlimit_mask = 1U << PKGJAIL_RLIMIT_NOFILE;
    spec.limits.rlimit[PKGJAIL_RLIMIT_NOFILE] = 256;
    for (const auto policy : {PKGJAIL_PROFILE_HIGH, PKGJAIL_PROFILE_LOW}) {
        spec.policy = policy;
        spec.name = policy == PKGJAIL_PROFILE_HIGH ? "high" : "low";
        const Jail jail = kernel.create(spec);
        proc* inside = kernel.enter(jail);
        const As as(inside);

        CHECK(name_of(world_setrlimit(inside, PKGJAIL_RLIMIT_NOFILE, 64, 64)) == "ok");
        CHECK(name_of(world_setrlimit(inside, PKGJAIL_RLIMIT_NOFILE, 257, 257)) == "EPERM");
        CHECK(name_of(world_setrlimit(inside, PKGJAIL_RLIMIT_NOFILE, 256, 256)) ==
              (policy == PKGJAIL_PROFILE_LOW ? "ok" : "EPERM"));
    }
}

TEST_CASE("nothing that a process does inside changes its jail", "[kmod][enter]") {
    Kernel kernel;
    const Jail jail = kernel.create();
    proc* inside = kernel.enter(jail);
    const auto id = jail.ref.id;

    proc* child = fork_from(inside);
    proc* spawned = fork_from(inside, WORLD_SPAWN);
    proc* vforked = fork_from(inside, WORLD_VFORK);
    CHECK(world_jail_of(child) == id);
    CHECK(world_jail_of(spawned) == id);
    CHECK(world_jail_of(vforked) == id);
    exit_and_reap(inside); // the parent has gone: a daemon
    {
        const As as(child);
        CHECK(name_of(world_setsid()) == "ok");
        CHECK(name_of(world_setgroups()) == "ok");
        CHECK(name_of(world_exec_setid(0)) == "ok");
        CHECK(name_of(world_setuid(1000)) == "ok");
    }
    CHECK(world_jail_of(child) == id);
    proc* grandchild = fork_from(child);
    CHECK(world_jail_of(grandchild) == id);
    CHECK(kernel.stat(jail).processes == 4);
    CHECK(kernel.stat(jail).forks == 4);
    {
        const As as(grandchild);
        CHECK(name_of(world_exec_setid(0)) == "ok"); // a set-id file of the image
    }
    CHECK(world_jail_of(grandchild) == id);
}

TEST_CASE("a process inside cannot enter another jail, or change its root", "[kmod][enter]") {
    Kernel kernel;
    const Jail jail = kernel.create("a"), other = kernel.create("b");
    int fd = -1;
    proc* process = kernel.prepare(jail, fd);
    REQUIRE(Kernel::enter_as(process, fd, jail) == "ok"); // the device stays open

    CHECK(Kernel::enter_as(process, fd, other) == "EPERM");
    {
        const As as(process);
        CHECK(name_of(world_chroot(other.root)) == "EPERM");
    }
    CHECK(world_jail_of(process) == jail.ref.id);
}
