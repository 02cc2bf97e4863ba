// A fake kernel with the module loaded, and what tests do with jails in few words. Error numbers are compared
// by name: CHECK(kernel.destroy(jail) == "EBUSY").
#pragma once

#include "../../kmod/pkgjail_ioctl.h"
#include "fake/world.h"
#include "support/catch.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace kmod_test {

inline std::string name_of(int error) {
    return world_error(error);
}

// A structure of the interface with its header filled in.
template <typename T>
T request() {
    T value{};
    value.header.version = PKGJAIL_ABI;
    value.header.size = sizeof(T);
    return value;
}

struct Jail {
    pkgjail_ref ref{};
    vnode* root = nullptr;
};

// What a jail is created with; change what a test is about.
struct Spec {
    std::string name = "web";
    std::uint64_t policy = PKGJAIL_PROFILE_HIGH;
    pkgjail_limits limits{};
    std::vector<pkgjail_device> devices;
    std::vector<pkgjail_ports> ports;
    std::vector<pkgjail_address> addresses;
};

inline pkgjail_ports tcp(std::uint16_t first, std::uint16_t last = 0) {
    pkgjail_ports range{};
    range.first = first;
    range.last = last != 0 ? last : first;
    range.protocol = PKGJAIL_PROTO_TCP;
    return range;
}

inline pkgjail_address ipv4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    pkgjail_address address{};
    address.family = PKGJAIL_FAMILY_INET;
    address.address[0] = a;
    address.address[1] = b;
    address.address[2] = c;
    address.address[3] = d;
    return address;
}

// Makes another process current for a scope.
class As {
  public:
    explicit As(lwp* thread) : before_(world_as(thread)) {}
    explicit As(proc* process) : As(world_lwp(process)) {}
    ~As() { world_as(before_); }
    As(const As&) = delete;
    As& operator=(const As&) = delete;

  private:
    lwp* before_;
};

class Kernel {
  public:
    explicit Kernel(int cpus = 2) {
        world_begin(cpus);
        const int error = world_load();
        REQUIRE(name_of(error) == "ok");
        REQUIRE(name_of(world_open_device(&control)) == "ok");
    }
    // Ends every jail, unloads, and checks (in the fake) that nothing is left over.
    ~Kernel() {
        for (const pkgjail_stat& jail : list()) {
            end(jail.ref);
            for (int tries = 0; tries < 100 && stat(jail.ref).processes > 0; ++tries)
                world_run(10);
            destroy_ref(jail.ref);
        }
        if (control >= 0)
            world_close(control);
        const int error = world_loaded() ? world_unload() : 0;
        if (error != 0) {
            std::fprintf(stderr, "the module does not unload: %s\n", world_error(error));
            std::abort();
        }
        for (vnode* root : roots_)
            world_rmdir(root);
        world_end();
    }
    Kernel(const Kernel&) = delete;
    Kernel& operator=(const Kernel&) = delete;

    template <typename T>
    int call(unsigned long number, T& data) const {
        return world_ioctl(control, number, &data);
    }

    pkgjail_create create_request(const Spec& spec, vnode* root, int& fd) const {
        auto create = request<pkgjail_create>();
        std::strncpy(create.name, spec.name.c_str(), sizeof create.name - 1);
        REQUIRE(world_open(root, &fd) == 0);
        create.root = fd;
        create.policy = spec.policy;
        create.limits = spec.limits;
        for (const auto& device : spec.devices)
            create.devices[create.ndevices++] = device;
        for (const auto& range : spec.ports)
            create.ports[create.nports++] = range;
        for (const auto& address : spec.addresses)
            create.addresses[create.naddresses++] = address;
        return create;
    }
    std::string try_create(const Spec& spec, Jail& jail) {
        int fd = -1;
        jail.root = world_mkdir(world_root());
        roots_.push_back(jail.root);
        auto create = create_request(spec, jail.root, fd);
        const int error = call(PKGJAIL_IOC_CREATE, create);
        world_close(fd);
        jail.ref = create.ref;
        return name_of(error);
    }
    Jail create(const Spec& spec = {}) {
        Jail jail;
        REQUIRE(try_create(spec, jail) == "ok");
        return jail;
    }
    Jail create(const std::string& name, std::uint64_t policy = PKGJAIL_PROFILE_HIGH) {
        Spec spec;
        spec.name = name;
        spec.policy = policy;
        return create(spec);
    }

    // A fresh process of the host's root that has done what ENTER wants, the device open as `fd`.
    proc* prepare(const Jail& jail, int& fd) const {
        proc* process = world_process(0);
        const As as(process);
        REQUIRE(name_of(world_chroot(jail.root)) == "ok");
        REQUIRE(name_of(world_open_device(&fd)) == "ok");
        return process;
    }
    static std::string enter_as(proc* process, int fd, const Jail& jail, std::uint64_t keep = 0) {
        const As as(process);
        auto enter = request<pkgjail_enter>();
        enter.ref = jail.ref;
        enter.keep = keep;
        return name_of(world_ioctl(fd, PKGJAIL_IOC_ENTER, &enter));
    }
    std::string try_enter(const Jail& jail, proc** process = nullptr) const {
        int fd = -1;
        proc* p = prepare(jail, fd);
        const std::string result = enter_as(p, fd, jail);
        {
            const As as(p);
            world_close(fd);
        }
        if (process != nullptr)
            *process = p;
        return result;
    }
    proc* enter(const Jail& jail, std::uint32_t uid = 0) const {
        proc* process = nullptr;
        REQUIRE(try_enter(jail, &process) == "ok");
        if (uid != 0) {
            const As as(process);
            REQUIRE(name_of(world_setuid(uid)) == "ok");
        }
        return process;
    }

    pkgjail_stat stat(const pkgjail_ref& ref) const {
        auto query = request<pkgjail_statreq>();
        query.stat.ref = ref;
        if (call(PKGJAIL_IOC_STAT, query) != 0)
            return {};
        return query.stat;
    }
    pkgjail_stat stat(const Jail& jail) const { return stat(jail.ref); }
    std::vector<pkgjail_stat> list() const {
        std::vector<pkgjail_stat> jails(PKGJAIL_MAX_JAILS);
        auto query = request<pkgjail_list>();
        query.buffer = reinterpret_cast<std::uintptr_t>(jails.data());
        query.capacity = static_cast<std::uint32_t>(jails.size());
        if (call(PKGJAIL_IOC_LIST, query) != 0)
            return {};
        jails.resize(query.count);
        return jails;
    }
    // Processes inside, as MEMBERS tells them; `capacity` is what the caller has room for.
    std::vector<std::int32_t> members(const Jail& jail, std::uint32_t capacity = 64) const {
        std::vector<std::int32_t> pids(capacity);
        auto query = request<pkgjail_members>();
        query.ref = jail.ref;
        query.buffer = reinterpret_cast<std::uintptr_t>(pids.data());
        query.capacity = capacity;
        REQUIRE(name_of(call(PKGJAIL_IOC_MEMBERS, query)) == "ok");
        pids.resize(std::min(query.count, capacity));
        members_there = query.count;
        return pids;
    }
    mutable std::uint32_t members_there = 0;
    std::string destroy_ref(const pkgjail_ref& ref) const {
        auto destroy = request<pkgjail_destroy>();
        destroy.ref = ref;
        return name_of(call(PKGJAIL_IOC_DESTROY, destroy));
    }
    std::string destroy(const Jail& jail) const { return destroy_ref(jail.ref); }
    std::string set_limits(const Jail& jail, const pkgjail_limits& limits) const {
        auto set = request<pkgjail_setlimits>();
        set.ref = jail.ref;
        set.limits = limits;
        return name_of(call(PKGJAIL_IOC_SETLIMITS, set));
    }
    std::string set_policy(const Jail& jail, std::uint64_t policy) const {
        auto set = request<pkgjail_setpolicy>();
        set.ref = jail.ref;
        set.policy = policy;
        return name_of(call(PKGJAIL_IOC_SETPOLICY, set));
    }
    std::string pause(const Jail& jail, bool on) const {
        auto pause = request<pkgjail_pause>();
        pause.ref = jail.ref;
        pause.on = on;
        return name_of(call(PKGJAIL_IOC_PAUSE, pause));
    }
    std::string signal(const Jail& jail, int signo, std::uint32_t* count = nullptr) const {
        auto signal = request<pkgjail_signal>();
        signal.ref = jail.ref;
        signal.signo = signo;
        const int error = call(PKGJAIL_IOC_SIGNAL, signal);
        if (count != nullptr)
            *count = signal.count;
        return name_of(error);
    }
    std::string end(const pkgjail_ref& ref) const {
        auto signal = request<pkgjail_signal>();
        signal.ref = ref;
        signal.signo = 9;
        signal.flags = PKGJAIL_SIGNAL_END;
        return name_of(call(PKGJAIL_IOC_SIGNAL, signal));
    }
    // Events that nobody was told of yet, waiting for at most so long.
    std::uint32_t events(const Jail& jail, std::uint32_t timeout_ms = 0) const {
        auto wait = request<pkgjail_wait>();
        wait.ref = jail.ref;
        wait.timeout_ms = timeout_ms;
        REQUIRE(name_of(call(PKGJAIL_IOC_WAIT, wait)) == "ok");
        return wait.events;
    }

    int control = -1;

  private:
    std::vector<vnode*> roots_;
};

inline void exit_and_reap(proc* process) {
    {
        const As as(process);
        world_exit();
    }
    world_reap(process);
}

inline proc* fork_from(proc* parent, enum world_fork kind = WORLD_FORK) {
    const As as(parent);
    proc* child = nullptr;
    return world_fork(kind, &child) == 0 ? child : nullptr;
}

} // namespace kmod_test
