// What the kernel module costs: one question to it by the number of jails, a snapshot of all jails, a
// sampling round by the number of processes. The module's own sources run on the fake kernel of tests/kmod,
// compiled as a kernel is (optimised). The fake checks every lock, so times are an upper bound and ratios are
// the result: what does not grow here does not grow in a kernel.
//
//     bench_kmod [--json]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "../../kmod/pkgjail_ioctl.h"
#include "fake/world.h"

namespace {

struct Result {
    std::string name;
    unsigned count;
    double nanoseconds; ///< median
};

template <class T>
T request() {
    T value{};
    value.header.version = PKGJAIL_ABI;
    value.header.size = sizeof(T);
    return value;
}

void must(int error, const char* what) {
    if (error == 0)
        return;
    std::fprintf(stderr, "bench_kmod: %s: %s\n", what, world_error(error));
    std::exit(1);
}

/// What this process has used, all its threads: other work of the host does not count.
double used_nanoseconds() {
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

/// Median time of one call, of `batches` batches.
double median(unsigned batches, unsigned calls, const std::function<void()>& work) {
    std::vector<double> times;
    for (unsigned batch = 0; batch < batches; ++batch) {
        const double begin = used_nanoseconds();
        for (unsigned call = 0; call < calls; ++call)
            work();
        times.push_back((used_nanoseconds() - begin) / calls);
    }
    std::nth_element(times.begin(), times.begin() + batches / 2, times.end());
    return times[batches / 2];
}

/// A kernel with so many jails.
class World {
  public:
    explicit World(unsigned jails) {
        world_begin(2);
        must(world_load(), "load");
        world_as(world_lwp(world_init()));
        must(world_open_device(&control_), "open");
        for (unsigned i = 0; i < jails; ++i) {
            roots_.push_back(world_mkdir(world_root()));
            int root = -1;
            must(world_open(roots_.back(), &root), "open root");
            auto create = request<pkgjail_create>();
            std::snprintf(create.name, sizeof create.name, "j%u", i);
            create.root = root;
            create.policy = PKGJAIL_PROFILE_HIGH;
            create.ndevices = 1;
            create.devices[0] = {world_dev(2, 2), PKGJAIL_DEV_CHR, PKGJAIL_DEV_READ | PKGJAIL_DEV_WRITE};
            create.nports = 1;
            create.ports[0].first = create.ports[0].last = static_cast<std::uint16_t>(2000 + i);
            create.ports[0].protocol = PKGJAIL_PROTO_TCP;
            must(world_ioctl(control_, PKGJAIL_IOC_CREATE, &create), "create");
            world_close(root);
            refs_.push_back(create.ref);
        }
    }
    ~World() {
        world_as(world_lwp(world_init()));
        for (const auto& ref : refs_) {
            auto end = request<pkgjail_signal>();
            end.ref = ref;
            end.signo = 9;
            end.flags = PKGJAIL_SIGNAL_END;
            must(world_ioctl(control_, PKGJAIL_IOC_SIGNAL, &end), "end");
        }
        world_run(2000);
        for (const auto& ref : refs_) {
            auto destroy = request<pkgjail_destroy>();
            destroy.ref = ref;
            must(world_ioctl(control_, PKGJAIL_IOC_DESTROY, &destroy), "destroy");
        }
        world_close(control_);
        must(world_unload(), "unload");
        for (vnode* root : roots_)
            world_rmdir(root);
        world_end();
    }
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    proc* enter(std::size_t jail) {
        proc* process = world_process(0);
        world_as(world_lwp(process));
        int fd = -1;
        must(world_chroot(roots_[jail]), "chroot");
        must(world_open_device(&fd), "open");
        auto enter = request<pkgjail_enter>();
        enter.ref = refs_[jail];
        must(world_ioctl(fd, PKGJAIL_IOC_ENTER, &enter), "enter");
        world_close(fd);
        world_as(world_lwp(world_init()));
        return process;
    }
    void limit_cpu(std::uint32_t percent) {
        world_as(world_lwp(world_init()));
        for (const auto& ref : refs_) {
            auto set = request<pkgjail_setlimits>();
            set.ref = ref;
            set.limits.cpu_percent = percent;
            must(world_ioctl(control_, PKGJAIL_IOC_SETLIMITS, &set), "limits");
        }
    }
    std::uint32_t list(std::vector<pkgjail_stat>& stats) const {
        auto list = request<pkgjail_list>();
        list.buffer = reinterpret_cast<std::uintptr_t>(stats.data());
        list.capacity = static_cast<std::uint32_t>(stats.size());
        must(world_ioctl(control_, PKGJAIL_IOC_LIST, &list), "list");
        return list.count;
    }

  private:
    int control_ = -1;
    std::vector<vnode*> roots_;
    std::vector<pkgjail_ref> refs_;
};

std::size_t question(const char* name) {
    for (std::size_t q = 0; q < world_questions(); ++q)
        if (std::strcmp(world_question(q), name) == 0)
            return q;
    std::fprintf(stderr, "bench_kmod: no question %s\n", name);
    std::exit(1);
}

void questions(std::vector<Result>& results) {
    for (const unsigned jails : {1u, 10u, 1000u}) {
        World world(jails);
        proc* inside = world.enter(jails / 2);
        proc* host = world_process(0);
        const std::size_t reboot = question("system reboot"), signal = question("process signal");
        world_as(world_lwp(inside));
        results.push_back({"open a listed device", jails,
                           median(101, 2000, [] { world_ask_device('c', world_dev(2, 2), 3); })});
        results.push_back({"denied: reboot", jails, median(101, 2000, [&] { world_ask(reboot, nullptr); })});
        results.push_back(
            {"signal in the jail", jails, median(101, 2000, [&] { world_ask(signal, inside); })});
        world_as(world_lwp(host));
        results.push_back({"signal on the host", jails, median(101, 2000, [&] { world_ask(signal, host); })});
    }
}

void snapshots(std::vector<Result>& results) {
    for (const unsigned jails : {1u, 10u, 1000u}) {
        const World world(jails);
        std::vector<pkgjail_stat> stats(PKGJAIL_MAX_JAILS);
        results.push_back({"snapshot, each jail", jails, median(51, 20, [&] { world.list(stats); }) / jails});
    }
}

void rounds(std::vector<Result>& results) {
    constexpr unsigned jails = 10;
    for (const unsigned processes : {100u, 1000u, 10000u}) {
        World world(jails);
        for (unsigned jail = 0; jail < jails; ++jail) {
            proc* first = world.enter(jail);
            world_as(world_lwp(first));
            for (unsigned i = 1; i < processes / jails; ++i)
                must(world_fork(WORLD_FORK, nullptr), "fork");
            world_spin(world_lwp(first), true);
        }
        // The fake's scheduler alone, and then with the sampler in the same time.
        world_as(world_lwp(world_init()));
        world.limit_cpu(0);
        const double without = median(5, 1, [] { world_run(200); });
        world.limit_cpu(100);
        const double with = median(5, 1, [] { world_run(200); });
        results.push_back({"sampling, each millisecond", processes, std::max(with - without, 0.0) / 200});
    }
}

} // namespace

int main(int argc, char** argv) {
    const bool json = argc == 2 && std::strcmp(argv[1], "--json") == 0;
    if (argc > 1 && !json) {
        std::fprintf(stderr, "usage: bench_kmod [--json]\n");
        return 64;
    }
    std::vector<Result> results;
    questions(results);
    snapshots(results);
    rounds(results);
    std::stable_sort(results.begin(), results.end(),
                     [](const Result& a, const Result& b) { return a.name < b.name; });
    if (json)
        std::printf("{\"bench\": \"kmod\", \"unit\": \"ns\", \"results\": [");
    else
        std::printf("%-32s %10s %12s %8s\n", "", "jails or", "median", "ratio to");
    if (!json)
        std::printf("%-32s %10s %12s %8s\n", "what", "processes", "ns", "the first");
    const char* comma = "";
    double first = 0;
    std::string name;
    for (const Result& result : results) {
        if (result.name != name)
            first = result.nanoseconds;
        name = result.name;
        const double ratio = first > 0 ? result.nanoseconds / first : 0;
        if (json)
            std::printf("%s\n  {\"name\": \"%s\", \"count\": %u, \"median\": %.1f, \"ratio\": %.2f}", comma,
                        name.c_str(), result.count, result.nanoseconds, ratio);
        else
            std::printf("%-32s %10u %12.1f %8.2f\n", name.c_str(), result.count, result.nanoseconds, ratio);
        comma = ",";
    }
    if (json)
        std::printf("\n]}\n");
    return 0;
}
