// Loading, creating, finding, ending jails; the control interface's checks.

#include "kernel.hpp"

using namespace kmod_test;

TEST_CASE("the module loads and unloads many times and leaves nothing", "[kmod][lifecycle]") {
    world_begin(1);
    for (int i = 0; i < 50; ++i) {
        REQUIRE(name_of(world_load()) == "ok");
        REQUIRE(name_of(world_unload()) == "ok");
        CHECK(world_kmem_blocks() == 0);
    }
    world_end();
}

TEST_CASE("the module is not unloaded while a jail exists or the device is open", "[kmod][lifecycle]") {
    Kernel kernel;
    const Jail jail = kernel.create();

    CHECK(name_of(world_unload()) == "EBUSY");
    CHECK(kernel.destroy(jail) == "ok");
    CHECK(name_of(world_unload()) == "EBUSY"); // the device
    world_close(kernel.control);
    kernel.control = -1;
    CHECK(name_of(world_unload()) == "ok");
    CHECK(name_of(world_load()) == "ok");
    CHECK(name_of(world_open_device(&kernel.control)) == "ok");
}

TEST_CASE("a reference of an earlier load is stale", "[kmod][lifecycle]") {
    Kernel kernel;
    const Jail jail = kernel.create();
    REQUIRE(kernel.destroy(jail) == "ok");
    world_close(kernel.control);
    REQUIRE(name_of(world_unload()) == "ok");
    world_run(3);
    REQUIRE(name_of(world_load()) == "ok");
    REQUIRE(name_of(world_open_device(&kernel.control)) == "ok");

    const Jail other = kernel.create();
    CHECK(other.ref.id == jail.ref.id);
    CHECK(kernel.destroy(jail) == "ESTALE");
    CHECK(kernel.set_limits(jail, {}) == "ESTALE");
    CHECK(kernel.destroy(other) == "ok");
}

TEST_CASE("an id is not used again", "[kmod][lifecycle]") {
    Kernel kernel;
    const Jail first = kernel.create();
    REQUIRE(kernel.destroy(first) == "ok");
    const Jail second = kernel.create();

    CHECK(second.ref.id != first.ref.id);
    CHECK(kernel.destroy(first) == "ESRCH");
    CHECK(kernel.try_enter(first) == "ESRCH");
}

TEST_CASE("a jail keeps its root directory referenced until it is destroyed", "[kmod][lifecycle]") {
    Kernel kernel;
    const Jail jail = kernel.create();

    CHECK(world_vnode_refs(jail.root) == 2);
    CHECK(kernel.destroy(jail) == "ok");
    CHECK(world_vnode_refs(jail.root) == 1);
}

TEST_CASE("a jail with a process inside is not destroyed", "[kmod][lifecycle]") {
    Kernel kernel;
    const Jail jail = kernel.create();
    proc* inside = kernel.enter(jail);

    CHECK(kernel.destroy(jail) == "EBUSY");
    exit_and_reap(inside);
    CHECK(kernel.destroy(jail) == "ok");
}

TEST_CASE("a name is taken once, whatever the case of its first letter", "[kmod][lifecycle]") {
    Kernel kernel;
    Jail ignored;
    Spec spec;
    spec.name = "web";
    kernel.create(spec);

    CHECK(kernel.try_create(spec, ignored) == "EEXIST");
    spec.name = "Web";
    CHECK(kernel.try_create(spec, ignored) == "EEXIST");
    spec.name = "web2";
    CHECK(kernel.try_create(spec, ignored) == "ok");
}

TEST_CASE("names that are no names are refused", "[kmod][lifecycle]") {
    Kernel kernel;
    Jail ignored;
    Spec spec;
    for (const char* name :
         {"", ".", "..", "-rf", "_x", "a/b", "a\nb", "a b", "%n", "aB", "a.b", "\xc3\xa4"}) {
        spec.name = name;
        INFO(name);
        CHECK(kernel.try_create(spec, ignored) == "EINVAL");
    }
    spec.name = std::string(63, 'a');
    CHECK(kernel.try_create(spec, ignored) == "ok");

    int fd = -1;
    vnode* root = world_mkdir(world_root());
    auto create = kernel.create_request(spec, root, fd);
    std::memset(create.name, 'a', sizeof create.name); // no end
    CHECK(name_of(kernel.call(PKGJAIL_IOC_CREATE, create)) == "EINVAL");
    std::memset(create.name, 0, sizeof create.name);
    create.name[0] = 'x';
    create.name[9] = 'y'; // something behind the end
    CHECK(name_of(kernel.call(PKGJAIL_IOC_CREATE, create)) == "EINVAL");
    world_close(fd);
    world_rmdir(root);
}

TEST_CASE("the root must be a directory other than the host's", "[kmod][lifecycle]") {
    Kernel kernel;
    auto create = request<pkgjail_create>();
    std::strcpy(create.name, "x");
    vnode* file = world_mkreg(world_root());
    int fd = -1;

    create.root = -1;
    CHECK(name_of(kernel.call(PKGJAIL_IOC_CREATE, create)) == "EBADF");
    create.root = 77;
    CHECK(name_of(kernel.call(PKGJAIL_IOC_CREATE, create)) == "EBADF");
    create.root = kernel.control;
    CHECK(name_of(kernel.call(PKGJAIL_IOC_CREATE, create)) == "ENOTDIR");
    REQUIRE(world_open(file, &fd) == 0);
    create.root = fd;
    CHECK(name_of(kernel.call(PKGJAIL_IOC_CREATE, create)) == "ENOTDIR");
    world_close(fd);
    REQUIRE(world_open(world_root(), &fd) == 0);
    create.root = fd;
    CHECK(name_of(kernel.call(PKGJAIL_IOC_CREATE, create)) == "EINVAL");
    world_close(fd);
    world_rmdir(file);
}

TEST_CASE("every field of CREATE that must be zero or small is checked", "[kmod][abi]") {
    Kernel kernel;
    int fd = -1;
    vnode* root = world_mkdir(world_root());
    const auto good = kernel.create_request({}, root, fd);
    const auto refused = [&](auto change) {
        auto create = good;
        change(create);
        return name_of(kernel.call(PKGJAIL_IOC_CREATE, create));
    };

    CHECK(refused([](auto& c) { c.flags = 1; }) == "EINVAL");
    CHECK(refused([](auto& c) { c.pad = 1; }) == "EINVAL");
    CHECK(refused([](auto& c) { c.reserved[7] = 1; }) == "EINVAL");
    CHECK(refused([](auto& c) { c.policy = PKGJAIL_ALLOW_ALL + 1; }) == "EINVAL");
    CHECK(refused([](auto& c) { c.limits.reserved[0] = 1; }) == "EINVAL");
    CHECK(refused([](auto& c) { c.limits.rlimit_mask = 1U << PKGJAIL_NRLIMIT; }) == "EINVAL");
    CHECK(refused([](auto& c) { c.limits.rlimit[3] = 1; }) == "EINVAL");
    CHECK(refused([](auto& c) { c.limits.cpu_percent = PKGJAIL_MAX_CPU_PERCENT + 1; }) == "EINVAL");
    CHECK(refused([](auto& c) { c.limits.memory_bytes = UINT64_MAX; }) == "EINVAL");
    CHECK(refused([](auto& c) { c.limits.processes = PKGJAIL_MAX_PROCESSES + 1; }) == "EINVAL");
    CHECK(refused([](auto& c) { c.ndevices = PKGJAIL_MAX_DEVICES + 1; }) == "EINVAL");
    CHECK(refused([](auto& c) { c.ndevices = UINT32_MAX; }) == "EINVAL");
    CHECK(refused([](auto& c) { c.devices[0].dev = 1; }) == "EINVAL");
    CHECK(refused([](auto& c) { c.ndevices = 1; }) == "EINVAL"); // a device of no type
    CHECK(refused([](auto& c) { c.nports = PKGJAIL_MAX_PORTS + 1; }) == "EINVAL");
    CHECK(refused([](auto& c) { c.nports = 1; }) == "EINVAL"); // port 0
    CHECK(refused([](auto& c) {
              c.nports = 1;
              c.ports[0] = tcp(10, 9);
          }) == "EINVAL");
    CHECK(refused([](auto& c) {
              c.nports = 1;
              c.ports[0] = tcp(9);
              c.ports[0].protocol = 4;
          }) == "EINVAL");
    CHECK(refused([](auto& c) {
              c.nports = 2;
              c.ports[0] = tcp(9, 20);
              c.ports[1] = tcp(20);
          }) == "EINVAL");
    CHECK(refused([](auto& c) { c.naddresses = PKGJAIL_MAX_ADDRESSES + 1; }) == "EINVAL");
    CHECK(refused([](auto& c) {
              c.naddresses = 1;
              c.addresses[0] = ipv4(0, 0, 0, 0);
          }) == "EINVAL");
    CHECK(refused([](auto& c) {
              c.naddresses = 1;
              c.addresses[0] = ipv4(1, 2, 3, 4);
              c.addresses[0].address[4] = 1;
          }) == "EINVAL");
    CHECK(refused([](auto& c) {
              c.naddresses = 1;
              c.addresses[0].family = PKGJAIL_FAMILY_INET6;
              c.addresses[0].address[10] = c.addresses[0].address[11] = 0xff;
              c.addresses[0].address[15] = 1;
          }) == "EINVAL"); // a mapped address is to be given as IPv4
    CHECK(refused([](auto&) {}) == "ok");
    world_close(fd);
    CHECK(world_vnode_refs(root) == 2);
    world_rmdir(root);
}

TEST_CASE("a request with another version or size is refused", "[kmod][abi]") {
    Kernel kernel;
    const Jail jail = kernel.create();
    auto destroy = request<pkgjail_destroy>();
    destroy.ref = jail.ref;

    destroy.header.version = PKGJAIL_ABI + 1;
    CHECK(name_of(kernel.call(PKGJAIL_IOC_DESTROY, destroy)) == "EPROGMISMATCH");
    destroy.header.version = PKGJAIL_ABI;
    destroy.header.size -= 1;
    CHECK(name_of(kernel.call(PKGJAIL_IOC_DESTROY, destroy)) == "EINVAL");
    destroy.header.size = sizeof destroy;
    destroy.reserved[0] = 1;
    CHECK(name_of(kernel.call(PKGJAIL_IOC_DESTROY, destroy)) == "EINVAL");

    auto version = request<pkgjail_version>();
    version.header.version = 99; // how else would a client learn
    CHECK(name_of(kernel.call(PKGJAIL_IOC_VERSION, version)) == "ok");
    CHECK(version.abi == PKGJAIL_ABI);
    CHECK(version.jails == 1);
    CHECK(version.generation == jail.ref.generation);
}

TEST_CASE("an unknown request, a shorter and a longer one are not taken", "[kmod][abi]") {
    Kernel kernel;
    std::vector<unsigned char> data(8192);

    for (const unsigned long number : {PKGJAIL_IOC_CREATE ^ 0x00010000UL, PKGJAIL_IOC_STAT & ~0x1fff0000UL,
                                       0xc0084a63UL, 0UL, 0x20004a02UL})
        CHECK(name_of(world_ioctl(kernel.control, number, data.data())) == "ENOTTY");
}

TEST_CASE("addresses that fault give EFAULT and change nothing", "[kmod][abi]") {
    Kernel kernel;
    const Jail jail = kernel.create();
    std::vector<pkgjail_stat> buffer(4);
    auto query = request<pkgjail_list>();

    for (const std::uint64_t address :
         {std::uint64_t{0}, std::uint64_t{8}, ~std::uint64_t{0}, std::uint64_t{1} << 60}) {
        query.buffer = address;
        query.capacity = 4;
        CHECK(name_of(kernel.call(PKGJAIL_IOC_LIST, query)) == "EFAULT");
    }
    query.capacity = PKGJAIL_MAX_JAILS + 1;
    CHECK(name_of(kernel.call(PKGJAIL_IOC_LIST, query)) == "EINVAL");
    query.capacity = 0; // only counts, so the buffer does not matter
    CHECK(name_of(kernel.call(PKGJAIL_IOC_LIST, query)) == "ok");
    CHECK(query.count == 1);

    world_fault_after(1); // on the way in
    auto destroy = request<pkgjail_destroy>();
    destroy.ref = jail.ref;
    CHECK(name_of(kernel.call(PKGJAIL_IOC_DESTROY, destroy)) == "EFAULT");
    CHECK(kernel.list().size() == 1);
    world_fault_after(2); // on the way out: done, but the caller does not know the id
    auto query2 = request<pkgjail_statreq>();
    query2.stat.ref = jail.ref;
    CHECK(name_of(kernel.call(PKGJAIL_IOC_STAT, query2)) == "EFAULT");
}

TEST_CASE("only root of the host controls; its own id anybody may ask", "[kmod][abi]") {
    Kernel kernel;
    const Jail jail = kernel.create();
    proc* inside = kernel.enter(jail);
    proc* user = world_process(1000);
    int in_jail = -1, of_user = -1;
    REQUIRE(world_dup_to(inside, kernel.control, &in_jail) == 0); // as if it had been passed
    REQUIRE(world_dup_to(user, kernel.control, &of_user) == 0);

    const auto all_refused = [&](proc* who, int fd) {
        const As as(who);
        std::vector<unsigned char> data(4096);
        for (const unsigned long number :
             {PKGJAIL_IOC_VERSION, PKGJAIL_IOC_CREATE, PKGJAIL_IOC_SETLIMITS, PKGJAIL_IOC_SETPOLICY,
              PKGJAIL_IOC_ENTER, PKGJAIL_IOC_LIST, PKGJAIL_IOC_STAT, PKGJAIL_IOC_SIGNAL, PKGJAIL_IOC_PAUSE,
              PKGJAIL_IOC_DESTROY, PKGJAIL_IOC_WAIT})
            CHECK(name_of(world_ioctl(fd, number, data.data())) == "EPERM");
        auto id = request<pkgjail_getid>();
        CHECK(name_of(world_ioctl(fd, PKGJAIL_IOC_GETID, &id)) == "ok");
        return id.ref;
    };
    const pkgjail_ref inside_id = all_refused(inside, in_jail);
    CHECK(inside_id.id == jail.ref.id);
    CHECK(inside_id.generation == jail.ref.generation);
    CHECK(all_refused(user, of_user).id == 0);
    {
        const As as(inside);
        int fd = -1;
        CHECK(name_of(world_open_device(&fd)) == "EPERM");
    }
    CHECK(world_jail_of(inside) == jail.ref.id);
    CHECK(world_jail_of(user) == 0);
    exit_and_reap(user);
}

TEST_CASE("one LIST is one snapshot of all jails, in the order of their ids", "[kmod][lifecycle]") {
    Kernel kernel;
    const Jail a = kernel.create("a"), b = kernel.create("b"), c = kernel.create("c");
    kernel.enter(b);

    const auto jails = kernel.list();
    REQUIRE(jails.size() == 3);
    CHECK(std::string(jails[0].name) == "a");
    CHECK(std::string(jails[1].name) == "b");
    CHECK(std::string(jails[2].name) == "c");
    CHECK(jails[0].snapshot == jails[2].snapshot);
    CHECK(jails[1].processes == 1);
    CHECK(kernel.list()[0].snapshot > jails[0].snapshot);
    CHECK(jails[0].ref.id == a.ref.id);
    CHECK(jails[2].ref.id == c.ref.id);
}

TEST_CASE("the sysctl tree tells each reader what it may know", "[kmod][sysctl]") {
    Kernel kernel;
    const Jail jail = kernel.create();
    proc* inside = kernel.enter(jail);
    proc* user = world_process(1000);
    const auto number = [](const char* name) {
        int value = -1;
        std::size_t size = sizeof value;
        const int error = world_sysctl(name, &value, &size, nullptr, 0);
        return error == 0 ? std::to_string(value) : name_of(error);
    };
    const auto list = [] {
        std::vector<pkgjail_stat> jails(3);
        std::size_t size = jails.size() * sizeof jails[0];
        const int error = world_sysctl("list", jails.data(), &size, nullptr, 0);
        return error == 0 ? std::to_string(size / sizeof jails[0]) : name_of(error);
    };

    CHECK(number("version") == std::to_string(PKGJAIL_ABI));
    CHECK(number("njails") == "1");
    CHECK(number("id") == "0");
    CHECK(number("major") == "210");
    CHECK(list() == "1");
    {
        const As as(inside);
        CHECK(number("id") == std::to_string(jail.ref.id));
        CHECK(list() == "EPERM");
        CHECK(number("denials") == "EPERM");
        int zero = 0;
        std::size_t size = sizeof zero;
        CHECK(name_of(world_sysctl("id", nullptr, &size, &zero, sizeof zero)) == "EPERM");
    }
    {
        const As as(user);
        CHECK(number("id") == "0");
        CHECK(list() == "EPERM");
    }
    std::size_t size = 0;
    CHECK(name_of(world_sysctl("list", nullptr, &size, nullptr, 0)) == "ok");
    CHECK(size == sizeof(pkgjail_stat));
    pkgjail_stat small;
    size = 8; // less than one record
    CHECK(name_of(world_sysctl("list", &small, &size, nullptr, 0)) == "ENOMEM");
    CHECK(size == 0);
    size = sizeof(pkgjail_stat);
    CHECK(name_of(world_sysctl("list", reinterpret_cast<void*>(8), &size, nullptr, 0)) == "EFAULT");
}

TEST_CASE("ending a jail kills all of it and lets nothing in", "[kmod][lifecycle]") {
    Kernel kernel;
    const Jail jail = kernel.create();
    proc* first = kernel.enter(jail);
    for (int i = 0; i < 5; ++i)
        REQUIRE(fork_from(first) != nullptr);
    REQUIRE(kernel.pause(jail, true) == "ok"); // even a paused one
    REQUIRE(kernel.stat(jail).processes == 6);

    CHECK(kernel.end(jail.ref) == "ok");
    CHECK(kernel.try_enter(jail) == "EAGAIN");
    CHECK(fork_from(first) == nullptr);
    CHECK(kernel.pause(jail, true) == "EBUSY");
    world_run(30);
    CHECK(kernel.stat(jail).processes == 0);
    CHECK((kernel.events(jail) & PKGJAIL_EVENT_EMPTY) != 0);
    CHECK(kernel.destroy(jail) == "ok");
}

TEST_CASE("a wait ends with an event, and with the time-out if there is none", "[kmod][lifecycle]") {
    Kernel kernel;
    const Jail jail = kernel.create();
    proc* inside = kernel.enter(jail);

    const std::uint64_t before = world_now_us();
    CHECK(kernel.events(jail, 250) == 0);
    CHECK(world_now_us() - before >= 250000);
    CHECK(world_now_us() - before <= 280000);
    exit_and_reap(inside);
    CHECK(kernel.events(jail, 250) == PKGJAIL_EVENT_EMPTY);
    CHECK(kernel.events(jail) == 0); // told once
}

TEST_CASE("a policy grows only while nobody is inside", "[kmod][lifecycle]") {
    Kernel kernel;
    const Jail jail = kernel.create("web", PKGJAIL_PROFILE_MEDIUM);
    REQUIRE(kernel.set_policy(jail, PKGJAIL_PROFILE_LOW) == "ok");
    kernel.enter(jail);

    CHECK(kernel.set_policy(jail, PKGJAIL_PROFILE_LOW | PKGJAIL_ALLOW_AUTOLOAD) == "EBUSY");
    CHECK(kernel.set_policy(jail, PKGJAIL_PROFILE_HIGH) == "ok");
    CHECK(kernel.set_policy(jail, PKGJAIL_ALLOW_TRACE) == "EBUSY");
    CHECK(kernel.set_policy(jail, std::uint64_t{1} << 63) == "EINVAL");
    CHECK(kernel.stat(jail).policy == PKGJAIL_PROFILE_HIGH);
}

TEST_CASE("the processes inside are told by number, the latest first, and no others", "[kmod][lifecycle]") {
    Kernel kernel;
    const Jail jail = kernel.create("web"), other = kernel.create("other");
    proc* first = kernel.enter(jail);
    kernel.enter(other);
    CHECK(kernel.members(jail) == std::vector<std::int32_t>{world_pid(first)});
    proc* child = fork_from(first);

    CHECK(kernel.members(jail) == std::vector<std::int32_t>{world_pid(child), world_pid(first)});
    CHECK(kernel.members(jail, 1) == std::vector<std::int32_t>{world_pid(child)});
    CHECK(kernel.members_there == 2); // told although there was no room
    CHECK(kernel.members(jail, 0).empty());
    {
        const As as(child);
        world_exit(); // a zombie is nobody inside any more
    }
    CHECK(kernel.members(jail) == std::vector<std::int32_t>{world_pid(first)});
    world_reap(child);
}

TEST_CASE("the list of processes checks its request", "[kmod][lifecycle]") {
    Kernel kernel;
    const Jail jail = kernel.create();
    proc* inside = kernel.enter(jail);
    const auto ask = [&](auto change) {
        auto query = request<pkgjail_members>();
        query.ref = jail.ref;
        change(query);
        return name_of(kernel.call(PKGJAIL_IOC_MEMBERS, query));
    };

    CHECK(ask([](auto& q) { q.capacity = PKGJAIL_MAX_MEMBERS + 1; }) == "EINVAL");
    CHECK(ask([](auto& q) { q.reserved[1] = 1; }) == "EINVAL");
    CHECK(ask([](auto& q) { q.ref.id += 1; }) == "ESRCH");
    CHECK(ask([](auto& q) { q.ref.generation += 1; }) == "ESTALE");
    CHECK(ask([](auto& q) { q.capacity = 1; }) == "EFAULT"); // there is one to tell, and nowhere to
    CHECK(ask([](auto&) {}) == "ok");
    exit_and_reap(inside);
}
