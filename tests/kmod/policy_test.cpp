// What depends on more than the action: ports and addresses, devices, SysV objects, jails that have gone.

#include "kernel.hpp"

#include <algorithm>
#include <array>

using namespace kmod_test;

namespace {

world_bind endpoint(std::uint16_t port, std::array<std::uint8_t, 4> address = {0, 0, 0, 0}, int type = 1) {
    world_bind bind{};
    bind.family = 4;
    bind.port = port;
    bind.type = type;
    std::copy(address.begin(), address.end(), bind.address);
    return bind;
}

world_bind mapped(std::uint16_t port, std::array<std::uint8_t, 4> address) {
    world_bind bind{};
    bind.family = 6;
    bind.port = port;
    bind.type = 1;
    bind.address[10] = bind.address[11] = 0xff;
    std::copy(address.begin(), address.end(), bind.address + 12);
    return bind;
}

std::string bind_as(proc* who, const world_bind& bind) {
    const As as(who);
    return world_ask_bind(&bind).module == WORLD_DENY ? "deny" : "-";
}

} // namespace

TEST_CASE("a port belongs to the jail that claims it", "[kmod][network]") {
    Kernel kernel;
    Spec spec;
    spec.name = "a";
    spec.ports = {tcp(8080, 8089)};
    const Jail a = kernel.create(spec);
    const Jail b = kernel.create("b", PKGJAIL_PROFILE_LOW);
    proc* in_a = kernel.enter(a);
    proc* in_b = kernel.enter(b);
    proc* user = world_process(1000);
    proc* root = world_process(0);

    CHECK(bind_as(in_a, endpoint(8080)) == "-");
    CHECK(bind_as(in_a, endpoint(8089)) == "-");
    CHECK(bind_as(in_a, endpoint(8090)) == "deny");
    CHECK(bind_as(in_a, endpoint(8080, {0, 0, 0, 0}, 2)) == "deny"); // claimed for tcp only
    for (proc* other : {in_b, user}) {
        CHECK(bind_as(other, endpoint(8085)) == "deny");
        CHECK(bind_as(other, endpoint(8085, {127, 0, 0, 1})) == "deny");
        CHECK(bind_as(other, mapped(8085, {127, 0, 0, 1})) == "deny");
        CHECK(bind_as(other, endpoint(8085, {0, 0, 0, 0}, 2)) == "-");
        CHECK(bind_as(other, endpoint(8090)) == "-");
    }
    CHECK(bind_as(root, endpoint(8085)) == "-");
    exit_and_reap(in_a);
    CHECK(bind_as(in_b, endpoint(8085)) == "deny"); // also before the owner's service starts
    REQUIRE(kernel.destroy(a) == "ok");
    CHECK(bind_as(in_b, endpoint(8085)) == "-");
    CHECK(bind_as(user, endpoint(8085)) == "-");
}

TEST_CASE("two jails claim one port only on different addresses or protocols", "[kmod][network]") {
    Kernel kernel;
    Jail jail;
    Spec spec;
    spec.ports = {tcp(80)};
    spec.name = "a";
    spec.addresses = {ipv4(10, 0, 0, 1)};
    REQUIRE(kernel.try_create(spec, jail) == "ok");

    spec.name = "b";
    CHECK(kernel.try_create(spec, jail) == "EADDRINUSE");
    CHECK(world_vnode_refs(jail.root) == 1);
    spec.ports = {tcp(70, 90)};
    CHECK(kernel.try_create(spec, jail) == "EADDRINUSE");
    spec.addresses.clear(); // any address includes that one
    CHECK(kernel.try_create(spec, jail) == "EADDRINUSE");
    spec.ports[0].protocol = PKGJAIL_PROTO_UDP;
    CHECK(kernel.try_create(spec, jail) == "ok");
    spec.name = "c";
    spec.ports = {tcp(80)};
    spec.addresses = {ipv4(10, 0, 0, 2)};
    CHECK(kernel.try_create(spec, jail) == "ok");
}

TEST_CASE("a jail with addresses binds these, and the wildcard only by policy", "[kmod][network]") {
    Kernel kernel;
    Spec spec;
    spec.name = "a";
    spec.addresses = {ipv4(10, 0, 0, 1)};
    spec.ports = {tcp(80)};
    const Jail high = kernel.create(spec);
    spec.name = "b";
    spec.policy = PKGJAIL_PROFILE_MEDIUM;
    spec.addresses = {ipv4(10, 0, 0, 2)};
    const Jail medium = kernel.create(spec);
    proc* in_high = kernel.enter(high);
    proc* in_medium = kernel.enter(medium);

    CHECK(bind_as(in_high, endpoint(80, {10, 0, 0, 1})) == "-");
    CHECK(bind_as(in_high, mapped(80, {10, 0, 0, 1})) == "-");
    CHECK(bind_as(in_high, endpoint(80, {10, 0, 0, 2})) == "deny");
    CHECK(bind_as(in_high, endpoint(80)) == "deny");
    CHECK(bind_as(in_high, endpoint(0)) == "-"); // the implicit bind of connect
    CHECK(bind_as(in_high, endpoint(50000)) == "-");
    CHECK(bind_as(in_high, endpoint(50000, {10, 0, 0, 2})) == "deny");
    CHECK(bind_as(in_medium, endpoint(80)) == "deny"); // it would take 10.0.0.1:80 as well
    REQUIRE(kernel.set_policy(high, 0) == "ok");
    exit_and_reap(in_high);
    REQUIRE(kernel.destroy(high) == "ok");
    CHECK(bind_as(in_medium, endpoint(80)) == "-");
}

TEST_CASE("ports that the kernel picks itself pass, unless somebody owns them", "[kmod][network]") {
    Kernel kernel;
    Spec spec;
    spec.name = "a";
    const Jail high = kernel.create(spec);
    spec.name = "b";
    spec.ports = {tcp(50000, 50009)};
    const Jail owner = kernel.create(spec);
    proc* inside = kernel.enter(high);
    proc* in_owner = kernel.enter(owner);
    proc* user = world_process(1000);

    for (const std::uint16_t port : {49152, 49999, 50010, 60000, 65535}) {
        for (const bool valid : {false, true}) {
            auto bind = endpoint(port);
            (valid ? bind.host_order : bind.candidate) = true;
            INFO(port << (valid ? " as a valid address" : " as the stack has it"));
            // In the wrong order a few of the candidates look like reserved ports; the kernel then takes the
            // next.
            const bool low = valid && ((port & 0xff) << 8 | port >> 8) < 1024;
            CHECK(bind_as(inside, bind) == (low ? "deny" : "-"));
            CHECK(bind_as(user, bind) == "-");
        }
    }
    for (const std::uint16_t port : {50000, 50009}) {
        auto bind = endpoint(port);
        bind.candidate = true;
        CHECK(bind_as(inside, bind) == "deny");
        CHECK(bind_as(user, bind) == "deny");
        CHECK(bind_as(in_owner, bind) == "-");
        bind.candidate = false;
        bind.host_order = true;
        CHECK(bind_as(inside, bind) == "deny");
    }
    CHECK(bind_as(inside, endpoint(4100)) == "deny"); // an explicit bind of what nobody claims
    CHECK(bind_as(inside, endpoint(8080)) == "deny");
    CHECK(bind_as(inside, endpoint(1023)) == "deny");
}

TEST_CASE("devices are opened by number, type and direction", "[kmod][device]") {
    Kernel kernel;
    Spec spec;
    spec.policy = PKGJAIL_PROFILE_LOW;
    pkgjail_device null{world_dev(2, 2), PKGJAIL_DEV_CHR, PKGJAIL_DEV_READ | PKGJAIL_DEV_WRITE};
    pkgjail_device random{world_dev(46, 0), PKGJAIL_DEV_CHR, PKGJAIL_DEV_READ};
    pkgjail_device pts{world_dev(5, 0), PKGJAIL_DEV_CHR,
                       PKGJAIL_DEV_READ | PKGJAIL_DEV_WRITE | PKGJAIL_DEV_MAJOR};
    spec.devices = {null, random, pts};
    proc* inside = kernel.enter(kernel.create(spec));
    const As as(inside);
    const auto open = [](char type, int major, int minor, int access) {
        return world_ask_device(type, world_dev(major, minor), access).module == WORLD_DENY ? "deny" : "-";
    };

    CHECK(std::string(open('c', 2, 2, 3)) == "-");
    CHECK(std::string(open('c', 2, 0, 1)) == "deny"); // mem has the same major
    CHECK(std::string(open('b', 2, 2, 1)) == "deny");
    CHECK(std::string(open('c', 46, 0, 1)) == "-");
    CHECK(std::string(open('c', 46, 0, 2)) == "deny");
    CHECK(std::string(open('c', 46, 0, 3)) == "deny");
    CHECK(std::string(open('c', 5, 17, 3)) == "-");
    CHECK(std::string(open('c', 210, 0, 3)) == "deny"); // our own control device
}

TEST_CASE("a SysV object belongs to the jail that used it first", "[kmod][ipc]") {
    Kernel kernel;
    const Jail a = kernel.create("a", PKGJAIL_PROFILE_MEDIUM), b = kernel.create("b", PKGJAIL_PROFILE_MEDIUM),
               high = kernel.create("c", PKGJAIL_PROFILE_HIGH);
    proc *in_a = kernel.enter(a), *in_b = kernel.enter(b), *in_high = kernel.enter(high),
         *host = world_process(0);
    const auto use = [](proc* who, unsigned object, unsigned short seq) {
        const As as(who);
        return std::string(world_ask_ipc(object, seq).module == WORLD_DENY ? "deny" : "-");
    };

    CHECK(use(in_a, 1, 7) == "-");
    CHECK(use(in_b, 1, 7) == "deny");
    CHECK(use(in_a, 1, 7) == "-");
    CHECK(use(host, 2, 7) == "-");
    CHECK(use(in_a, 2, 7) == "deny");
    CHECK(use(in_high, 3, 7) == "deny");
    CHECK(use(in_b, 3, 7) == "-");
    CHECK(use(in_b, 1, 8) == "-"); // removed and made anew: another object
    CHECK(use(in_a, 1, 8) == "deny");
    exit_and_reap(in_a);
    REQUIRE(kernel.destroy(a) == "ok");
    const Jail again = kernel.create("a", PKGJAIL_PROFILE_MEDIUM);
    proc* in_again = kernel.enter(again);
    CHECK(use(in_again, 1, 7) == "-");
    for (unsigned i = 10; i < 600; ++i)
        use(in_b, i, 1);
    CHECK(use(in_b, 599, 1) == "deny"); // the table is full: jails are refused, the host is not
    CHECK(use(host, 599, 1) == "-");
}

TEST_CASE("a jail without network opens local sockets only", "[kmod][network]") {
    Kernel kernel;
    const Jail jail = kernel.create("build", PKGJAIL_PROFILE_LOW & ~PKGJAIL_ALLOW_INET);
    proc* inside = kernel.enter(jail);

    const As as(inside);
    for (std::size_t q = 0; q < world_questions(); ++q) {
        const std::string name = world_question(q);
        if (name.rfind("network socket inet", 0) == 0)
            CHECK(world_ask(q, nullptr).module == WORLD_DENY);
        if (name == "network socket local")
            CHECK(world_ask(q, nullptr).module == WORLD_DEFER);
    }
}

TEST_CASE("a credential that outlives its jail is held to the strictest policy", "[kmod][policy]") {
    Kernel kernel;
    const Jail jail = kernel.create("web", PKGJAIL_PROFILE_LOW);
    proc* inside = kernel.enter(jail);
    proc* host = world_process(0);
    std::size_t drop = 0;
    for (std::size_t q = 0; q < world_questions(); ++q)
        if (std::string(world_question(q)) == "network socket drop")
            drop = q;
    {
        const As as(inside);
        world_exit(); // a zombie still has its credential; so would a socket
    }
    REQUIRE(kernel.destroy(jail) == "ok");

    CHECK(world_jail_of(inside) == jail.ref.id);
    const Jail other = kernel.create("other");
    proc* in_other = kernel.enter(other);
    {
        const As as(in_other);
        CHECK(world_ask(drop, inside).module == WORLD_DENY);
        CHECK(name_of(world_kill(inside, 15)) == "EPERM");
    }
    {
        const As as(world_lwp(inside));
        for (std::size_t q = 0; q < world_questions(); ++q)
            if (world_question_target(q) == WORLD_NOTHING) {
                const std::string name = world_question(q);
                INFO(name);
                const bool harmless = name == "system mount get" || name == "device rnd-adddata" ||
                                      name == "network bind any port" ||
                                      name == "network bind anonymous port" || name == "network socket local";
                CHECK((world_ask(q, host).module == WORLD_DEFER) == harmless);
            }
    }
    world_reap(inside);
}

TEST_CASE("a priority is lowered, never raised, and only inside", "[kmod][policy]") {
    Kernel kernel;
    const Jail a = kernel.create("a", PKGJAIL_PROFILE_LOW), b = kernel.create("b");
    proc *self = kernel.enter(a), *own = kernel.enter(a), *other = kernel.enter(b);
    const As as(self);

    CHECK(world_ask_nice(own, 25).allowed);
    CHECK(world_ask_nice(own, 20).allowed);
    CHECK_FALSE(world_ask_nice(own, 19).allowed);
    CHECK_FALSE(world_ask_nice(other, 25).allowed);
}
