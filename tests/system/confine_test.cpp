// The walls of a jail, tried from inside with a real kernel and a real runtime.
#ifdef __linux__

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <arpa/inet.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "support/catch.hpp"
#include "system/confine_fixture.hpp"

using namespace pkgjail;
using jail::LimitKind;
using jail::Profile;
using test::HostJail;
namespace fs = std::filesystem;

namespace {

const std::string refused_attempts = "mount: EPERM\n"
                                     "remount: EPERM\n"
                                     "umount2: EPERM\n"
                                     "open_tree: EPERM\n"
                                     "fsopen: EPERM\n"
                                     "chroot: EPERM\n"
                                     "pivot_root: EPERM\n"
                                     "mknod character: EPERM\n"
                                     "mknod block: EPERM\n"
                                     "mknod fifo: done\n"
                                     "unshare mounts: EPERM\n"
                                     "unshare users: EPERM\n"
                                     "unshare users, dressed: EPERM\n"
                                     "clone users: EPERM\n"
                                     "clone3: ENOSYS\n"
                                     "setns: EPERM\n"
                                     "ptrace be traced: EPERM\n"
                                     "ptrace the first process: EPERM\n"
                                     "process_vm_readv: EPERM\n"
                                     "bpf: EPERM\n"
                                     "perf_event_open: EPERM\n"
                                     "keyctl: EPERM\n"
                                     "add_key: EPERM\n"
                                     "userfaultfd: EPERM\n"
                                     "io_uring_setup: ENOSYS\n"
                                     "open_by_handle_at: EPERM\n"
                                     "init_module: EPERM\n"
                                     "kexec_load: EPERM\n"
                                     "settimeofday: EPERM\n"
                                     "clock_settime: EPERM\n"
                                     "adjtimex: EPERM\n"
                                     "reboot: EPERM\n"
                                     "swapon: EPERM\n"
                                     "sethostname: EPERM\n"
#ifdef __x86_64__
                                     "iopl: EPERM\n"
#endif
                                     "personality: ENOSYS\n"
                                     "TIOCSTI: EPERM\n"
                                     "TIOCSTI, dressed: EPERM\n"
                                     "socket packet: EAFNOSUPPORT\n"
                                     "socket vsock: EAFNOSUPPORT\n"
                                     "socket alg: EAFNOSUPPORT\n"
                                     "socket unix: done\n"
                                     "socket multipath TCP: EPROTONOSUPPORT\n"
                                     "socket inet6: done\n"
                                     "write to the program tree: EROFS\n"
                                     "write to the root: EROFS\n"
                                     "write to /dev: EROFS\n"
                                     "write to /sys: EROFS\n"
                                     "write to /proc/sys: EROFS\n"
                                     "write to /proc/irq: EROFS\n"
                                     "write to the data: done\n"
                                     "raise a limit: EPERM\n"
#ifdef __x86_64__
                                     "32-bit getpid: ended by SYS\n"
#endif
    ;

std::string show(const std::vector<jail::LimitReading>& readings) {
    std::string text;
    for (const auto& reading : readings)
        text += std::string(jail::limit_name(reading.kind)) + " wanted " + std::to_string(reading.wanted) +
                " effective " + (reading.effective ? std::to_string(*reading.effective) : "-") + " " +
                std::string(jail::enforcement_name(reading.enforcement)) + "\n";
    return text;
}

} // namespace

TEST_CASE("root inside a jail can neither leave nor change the host, in any profile", "[root][confine]") {
    if (test::system_driver() == nullptr)
        return;
    for (const auto profile : {Profile::low, Profile::medium, Profile::high}) {
        HostJail jail;
        jail.spec.profile = profile;
        INFO(jail::profile_name(profile));
        CHECK(jail.run_inside("[.inside-attempts]") == refused_attempts);
    }
}

TEST_CASE("a jail sees its own processes, environment, files, descriptors and powers and no others",
          "[root][confine]") {
    if (test::system_driver() == nullptr)
        return;
    HostJail jail("web");
    jail.spec.environment = {{"HOME", "/data"}, {"LANG", "C"}, {"EMPTY", ""}};
    // A descriptor of ours that is not close-on-exec stays outside all the same.
    const int open_here = ::dup(0);
    const std::string seen = jail.run_inside("[.inside-view]");
    ::close(open_here);

    CHECK(seen == "environment EMPTY=\n"
                  "environment HOME=/data\n"
                  "environment LANG=C\n"
                  "descriptor 0\n"
                  "descriptor 1\n"
                  "descriptor 2\n"
                  "process 1\n"
                  "devices fd full null ptmx pts random shm stderr stdin stdout tty urandom zero\n"
                  "file /etc/passwd\n"
                  "host name web\n"
                  "Uid: 0 0 0 0\n"
                  "Gid: 0 0 0 0\n"
                  "Groups:\n"
                  "CapInh: 0000000000000000\n"
                  "CapPrm: 00000000000004fb\n"
                  "CapEff: 00000000000004fb\n"
                  "CapBnd: 00000000000004fb\n"
                  "CapAmb: 0000000000000000\n"
                  "NoNewPrivs: 1\n"
                  "Seccomp: 2\n");
}

TEST_CASE("a service that is not root has its user, its groups and no capability", "[root][confine]") {
    if (test::system_driver() == nullptr)
        return;
    HostJail jail;
    jail.spec.identity = {1001, 1002, {5, 20}};

    const std::string seen = jail.run_inside("[.inside-view]");

    CHECK_THAT(seen, ContainsSubstring("Uid: 1001 1001 1001 1001\nGid: 1002 1002 1002 1002\nGroups: 5 20"));
    CHECK_THAT(seen, ContainsSubstring(
                         "CapPrm: 0000000000000000\nCapEff: 0000000000000000\nCapBnd: 00000000000004fb\n"));
}

TEST_CASE("every mount of a jail is nosuid and nodev, and what is mounted below a source stays outside",
          "[root][confine]") {
    auto* driver = test::system_driver();
    if (driver == nullptr)
        return;
    HostJail jail;
    const auto below = jail.data() / "below";
    fs::create_directory(below);
    REQUIRE(::mount("tmpfs", below.c_str(), "tmpfs", 0, "size=64k") == 0);
    std::ofstream(below / "secret") << "of the host";
    const auto first = jail.launch({"/bin/sh", "-c", "sleep 600"});

    std::istringstream mounts(base::read_file("/proc/" + std::to_string(first.pid) + "/mountinfo"));
    for (std::string line; std::getline(mounts, line);) {
        std::istringstream words(line);
        std::string id, parent, device, root, point, options;
        words >> id >> parent >> device >> root >> point >> options;
        INFO(line);
        const auto has = [&](const std::string& option) {
            return ("," + options + ",").find("," + option + ",") != std::string::npos;
        };
        if (point != "/" && !point.starts_with("/proc/"))
            CHECK(has("nosuid"));
        if (point != "/" && point != "/dev" && point != "/dev/pts" && !point.starts_with("/proc/"))
            CHECK(has("nodev"));
        const bool writable = point == "/data" || point == "/tmp" || point == "/proc" ||
                              point == "/dev/pts" || point == "/dev/shm" || point == "/dev/null";
        // What is laid over a path of /proc to hide it is /dev/null or an empty read-only directory.
        if (!writable && !point.starts_with("/proc/"))
            CHECK(has("ro"));
        CHECK(point.find("below") == std::string::npos);
    }
    CHECK(fs::is_empty("/proc/" + std::to_string(first.pid) + "/root/data/below"));
    driver->remove(jail.spec.handle, jail.run_directory());
    jail.wait(first);
    ::umount2(below.c_str(), MNT_DETACH);
}

TEST_CASE("limits are read back from the kernel as they were asked for", "[root][confine]") {
    auto* driver = test::system_driver();
    if (driver == nullptr)
        return;
    HostJail jail;
    jail.spec.limits.wanted = {{LimitKind::cpu, {50, ""}},       {LimitKind::memory, {64u << 20, ""}},
                               {LimitKind::processes, {20, ""}}, {LimitKind::files, {100, ""}},
                               {LimitKind::core, {4096, ""}},    {LimitKind::stack, {1u << 20, ""}},
                               {LimitKind::disk, {1000, ""}},    {LimitKind::net_in, {1000, ""}}};

    const auto first = jail.launch({"/bin/sh", "-c", "sleep 600"});

    CHECK(show(driver->read_limits(jail.spec, jail.run_directory())) ==
          "cpu wanted 50 effective 50 enforced\n"
          "memory wanted 67108864 effective 67108864 enforced\n"
          "processes wanted 20 effective 20 enforced\n"
          "files wanted 100 effective 100 enforced\n"
          "net-in wanted 1000 effective - unavailable\n"
          "disk wanted 1000 effective - unavailable\n"
          "core wanted 4096 effective 4096 enforced\n"
          "stack wanted 1048576 effective 1048576 enforced\n");
    const auto usage = driver->usage(jail.spec.handle, jail.run_directory());
    CHECK(usage.processes.value_or(0) >= 1);
    CHECK(usage.memory_bytes.value_or(0) > 0);
    CHECK(usage.cpu_usec.value_or(0) > 0);
    driver->remove(jail.spec.handle, jail.run_directory());
    jail.wait(first);
}

TEST_CASE("a limit above our own is set to our own and read back as that", "[root][confine]") {
    auto* driver = test::system_driver();
    if (driver == nullptr)
        return;
    HostJail jail;
    struct rlimit ours {};
    ::getrlimit(RLIMIT_NOFILE, &ours);
    jail.spec.limits.wanted = {{LimitKind::files, {ours.rlim_max + 1000, ""}}};

    const auto first = jail.launch({"/bin/sh", "-c", "sleep 600"});

    const auto readings = driver->read_limits(jail.spec, jail.run_directory());
    REQUIRE(readings.size() == 1);
    CHECK(readings[0].effective == ours.rlim_max);
    CHECK_THAT(readings[0].mechanism, ContainsSubstring("may have no more"));
    driver->remove(jail.spec.handle, jail.run_directory());
    jail.wait(first);
}

TEST_CASE("a limit on disk rates is read back as asked for, or is unavailable with a reason",
          "[root][confine]") {
    auto* driver = test::system_driver();
    if (driver == nullptr)
        return;
    HostJail jail;
    jail.spec.limits.wanted = {{LimitKind::io_read, {50u << 20, ""}}, {LimitKind::io_write, {40u << 20, ""}}};

    const auto first = jail.launch({"/bin/sh", "-c", "sleep 600"});

    for (const auto& reading : driver->read_limits(jail.spec, jail.run_directory())) {
        INFO(reading.mechanism);
        CHECK_FALSE(reading.mechanism.empty());
        if (reading.enforcement == jail::Enforcement::unavailable)
            CHECK_FALSE(reading.effective.has_value());
        else
            CHECK(reading.effective == reading.wanted);
    }
    driver->remove(jail.spec.handle, jail.run_directory());
    jail.wait(first);
}

TEST_CASE("the limit on processes is felt by a loop of forks", "[root][confine]") {
    if (test::system_driver() == nullptr)
        return;
    HostJail jail;
    jail.spec.limits.wanted = {{LimitKind::processes, {20, ""}}};

    CHECK(jail.run_inside("[.inside-forks]") == "made 19, then EAGAIN\n");
}

TEST_CASE("the limit on memory ends who passes it", "[root][confine]") {
    if (test::system_driver() == nullptr)
        return;
    HostJail jail;
    CHECK(jail.run_inside("[.inside-memory]") == "got it\n");

    jail.spec.limits.wanted = {{LimitKind::memory, {64u << 20, ""}}};
    const auto result = jail.run({"/test", "[.inside-memory]"});
    CHECK(result.exit.describe() == "signal 9 (Killed)");
    CHECK(result.out.find("got it") == std::string::npos);
}

TEST_CASE("a jail without network has a loopback of its own and does not reach the host's",
          "[root][confine]") {
    if (test::system_driver() == nullptr)
        return;
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    REQUIRE(::bind(listener, reinterpret_cast<struct sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener, 1) == 0);
    REQUIRE(::getsockname(listener, reinterpret_cast<struct sockaddr*>(&address), &length) == 0);
    HostJail jail;
    jail.spec.network = jail::NetworkMode::none;

    const auto result = jail.run_shell(
        "tail -n +3 /proc/net/dev | cut -d: -f1; grep -c 127.0.0.0 /proc/net/fib_trie >/dev/null && echo up; "
        "cat /proc/net/tcp | wc -l");
    ::close(listener);

    CHECK(result.out == "    lo\nup\n1\n"); // the table's heading alone: no socket of the host's is seen
}

TEST_CASE("a working directory that leads out through a link of /proc is refused", "[root][confine]") {
    auto* driver = test::system_driver();
    if (driver == nullptr)
        return;
    HostJail jail;
    for (int number = 3; number < 16; ++number)
        fs::create_symlink("/proc/self/fd/" + std::to_string(number),
                           jail.data() / ("fd" + std::to_string(number)));
    for (int number = 3; number < 16; ++number) {
        jail.spec.working_directory = "/data/fd" + std::to_string(number);
        CHECK_THROWS_AS(driver->create(jail.spec, jail.run_directory(), {}), base::Error);
    }
    CHECK(test::traces_of(jail).empty());

    jail.spec.working_directory = "/";
    fs::create_symlink("/proc/1/root/usr", jail.data() / "out");
    const auto first = jail.launch({"/bin/sh", "-c", "sleep 600"});
    confine::ExecRequest request;
    request.command = {"/bin/true"};
    for (const char* name : {"fd3", "fd9", "out"}) {
        request.working_directory = std::string("/data/") + name;
        INFO(name);
        CHECK_THROWS_AS(driver->exec(jail.spec, jail.run_directory(), request), base::Error);
    }
    driver->remove(jail.spec.handle, jail.run_directory());
    jail.wait(first);
}

#endif
