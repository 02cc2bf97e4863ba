// What a program inside a jail tries and sees. Hidden cases: the tests of confinement run this test program
// in a jail with one of these tags and read the lines that begin with '@'. Every attempt has arguments with
// which it would do no harm if it were let through.
#ifdef __linux__

#include "support/catch.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <sched.h>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

void say(const std::string& text) {
    const std::string line = "@" + text + "\n";
    if (::write(1, line.data(), line.size()) < 0)
        ::_exit(99);
}

void attempt(const std::string& name, const std::function<long()>& act) {
    errno = 0;
    const long result = act();
    say(name + ": " + (result < 0 ? ::strerrorname_np(errno) : "done"));
}

/// In a child of its own, because it may be ended by it.
void attempt_in_child(const std::string& name, const std::function<long()>& act) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        errno = 0;
        const long result = act();
        ::_exit(result < 0 ? errno : 0);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    if (WIFSIGNALED(status))
        say(name + ": ended by " + ::sigabbrev_np(WTERMSIG(status)));
    else
        say(name + ": " + (WEXITSTATUS(status) == 0 ? "done" : ::strerrorname_np(WEXITSTATUS(status))));
}

} // namespace

TEST_CASE("attempts to leave or to change the host", "[.inside-attempts]") {
    constexpr std::uint64_t upper_half = 0x500000000ull;
    attempt("mount", [] { return ::mount("none", "/tmp", "tmpfs", 0, nullptr); });
    attempt("remount", [] { return ::mount("none", "/usr", nullptr, MS_REMOUNT | MS_BIND, nullptr); });
    attempt("umount2", [] { return ::umount2("/tmp/nothing", 0); });
    attempt("open_tree", [] { return ::syscall(SYS_open_tree, AT_FDCWD, "/", 1); });
    attempt("fsopen", [] { return ::syscall(SYS_fsopen, "tmpfs", 0); });
    attempt("chroot", [] { return ::chroot("/"); });
    attempt("pivot_root", [] { return ::syscall(SYS_pivot_root, "/nothing", "/nothing"); });
    attempt("mknod character", [] { return ::mknod("/tmp/null", S_IFCHR | 0600, makedev(1, 3)); });
    attempt("mknod block", [] { return ::mknod("/tmp/disk", S_IFBLK | 0600, makedev(254, 0)); });
    attempt("mknod fifo", [] { return ::mknod("/tmp/fifo", S_IFIFO | 0600, 0); });
    attempt("unshare mounts", [] { return ::unshare(CLONE_NEWNS); });
    attempt("unshare users", [] { return ::unshare(CLONE_NEWUSER); });
    attempt("unshare users, dressed", [] { return ::syscall(SYS_unshare, CLONE_NEWUSER | upper_half); });
    attempt_in_child("clone users", [] { return ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0); });
    attempt("clone3", [] { return ::syscall(SYS_clone3, nullptr, 0); });
    attempt("setns", [] { return ::setns(::open("/proc/self/ns/mnt", O_RDONLY), 0); });
    attempt_in_child("ptrace be traced", [] { return ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr); });
    attempt("ptrace the first process", [] { return ::ptrace(PTRACE_SEIZE, 1, nullptr, nullptr); });
    attempt("process_vm_readv", [] { return ::syscall(SYS_process_vm_readv, 1, nullptr, 0, nullptr, 0, 0); });
    attempt("bpf", [] { return ::syscall(SYS_bpf, 0, nullptr, 0); });
    attempt("perf_event_open", [] { return ::syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0); });
    attempt("keyctl", [] { return ::syscall(SYS_keyctl, 0, -3, 0); });
    attempt("add_key", [] { return ::syscall(SYS_add_key, "user", "x", "y", 1, -3); });
    attempt("userfaultfd", [] { return ::syscall(SYS_userfaultfd, 0); });
    attempt("io_uring_setup", [] { return ::syscall(SYS_io_uring_setup, 1, nullptr); });
    attempt("open_by_handle_at", [] { return ::syscall(SYS_open_by_handle_at, -1, nullptr, 0); });
    attempt("init_module", [] { return ::syscall(SYS_init_module, nullptr, 0, ""); });
    attempt("kexec_load", [] { return ::syscall(SYS_kexec_load, 0, 1ul << 20, nullptr, ~0ul); });
    attempt("settimeofday", [] { return ::syscall(SYS_settimeofday, nullptr, nullptr); });
    attempt("clock_settime", [] { return ::syscall(SYS_clock_settime, 9999, nullptr); });
    attempt("adjtimex", [] { return ::syscall(SYS_adjtimex, nullptr); });
    attempt("reboot", [] { return ::syscall(SYS_reboot, 1, 2, 3, nullptr); });
    attempt("swapon", [] { return ::syscall(SYS_swapon, "/nothing", 0); });
    attempt("sethostname", [] { return ::sethostname("x", 1); });
#ifdef SYS_iopl
    attempt("iopl", [] { return ::syscall(SYS_iopl, 3); });
#endif
    attempt("personality", [] { return ::personality(ADDR_NO_RANDOMIZE); });
    attempt("TIOCSTI", [] { return ::ioctl(0, TIOCSTI, "x"); });
    attempt("TIOCSTI, dressed", [] { return ::syscall(SYS_ioctl, 0, TIOCSTI | upper_half, "x"); });
    attempt("socket packet", [] { return ::socket(AF_PACKET, SOCK_RAW, 0); });
    attempt("socket vsock", [] { return ::socket(AF_VSOCK, SOCK_STREAM, 0); });
    attempt("socket alg", [] { return ::socket(AF_ALG, SOCK_SEQPACKET, 0); });
    attempt("socket unix", [] { return ::socket(AF_UNIX, SOCK_STREAM, 0); });
    attempt("socket multipath TCP", [] { return ::socket(AF_INET, SOCK_STREAM, 262); });
    attempt("socket inet6", [] { return ::socket(AF_INET6, SOCK_DGRAM, 0); });
    attempt("write to the program tree",
            [] { return ::open("/usr/pkgjail-test", O_WRONLY | O_CREAT, 0600); });
    attempt("write to the root", [] { return ::mkdir("/pkgjail-test", 0700); });
    attempt("write to /dev", [] { return ::mkdir("/dev/pkgjail-test", 0700); });
    attempt("write to /sys", [] { return ::mkdir("/sys/pkgjail-test", 0700); });
    attempt("write to /proc/sys", [] { return ::open("/proc/sys/kernel/panic", O_WRONLY); });
    attempt("write to /proc/irq", [] { return ::open("/proc/irq/default_smp_affinity", O_WRONLY); });
    attempt("write to the data", [] { return ::open("/data/file", O_WRONLY | O_CREAT, 0600); });
    attempt("raise a limit", [] {
        const struct rlimit high { 1u << 20, 1u << 20 };
        return ::setrlimit(RLIMIT_CORE, &high);
    });
#ifdef __x86_64__
    attempt_in_child("32-bit getpid", [] {
        long result = 20; // getpid in the 32-bit table
        asm volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
        return result;
    });
#endif
}

TEST_CASE("what can be seen", "[.inside-view]") {
    std::vector<std::string> lines;
    for (char** variable = environ; *variable != nullptr; ++variable)
        lines.push_back(std::string("environment ") + *variable);
    std::sort(lines.begin(), lines.end());
    for (const auto& line : lines)
        say(line);
    for (int number = 0; number < 1024; ++number)
        if (::fcntl(number, F_GETFD) >= 0)
            say("descriptor " + std::to_string(number));
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator("/proc"))
        if (const auto name = entry.path().filename().string();
            name.find_first_not_of("0123456789") == std::string::npos)
            names.push_back(name);
    for (const auto& name : names)
        say("process " + name);
    names.clear();
    for (const auto& entry : std::filesystem::directory_iterator("/dev"))
        names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    std::string devices = "devices";
    for (const auto& name : names)
        devices += " " + name;
    say(devices);
    names.clear();
    for (const auto& entry : std::filesystem::directory_iterator("/etc"))
        names.push_back("file /etc/" + entry.path().filename().string());
    std::sort(names.begin(), names.end());
    for (const auto& name : names)
        say(name);
    char host[256] = "";
    ::gethostname(host, sizeof host);
    say(std::string("host name ") + host);
    if (FILE* status = std::fopen("/proc/self/status", "r")) {
        char line[512];
        while (std::fgets(line, sizeof line, status) != nullptr) {
            std::string text = line;
            text.erase(text.find_last_not_of("\n") + 1);
            std::replace(text.begin(), text.end(), '\t', ' ');
            for (const char* wanted : {"Cap", "NoNewPrivs", "Seccomp:", "Uid", "Gid", "Groups"})
                if (text.starts_with(wanted))
                    say(text.substr(0, text.find_last_not_of(' ') + 1));
        }
        std::fclose(status);
    }
}

namespace {

/// Of the environment.
std::uint16_t port_of(const char* name) {
    const char* text = ::getenv(name);
    return text == nullptr ? 0 : static_cast<std::uint16_t>(std::stoi(text));
}

using SocketCall = int (*)(int, const struct sockaddr*, socklen_t);

/// Binds or connects a socket that is closed again.
long on_loopback(int family, int type, std::uint16_t port, SocketCall call) {
    struct sockaddr_in v4 {};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct sockaddr_in6 v6 {};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    v6.sin6_addr = in6addr_any;
    const int fd = ::socket(family, type, 0);
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const int result = family == AF_INET ? call(fd, reinterpret_cast<const struct sockaddr*>(&v4), sizeof v4)
                                         : call(fd, reinterpret_cast<const struct sockaddr*>(&v6), sizeof v6);
    const int error = errno;
    ::close(fd);
    errno = error;
    return result;
}

} // namespace

TEST_CASE("attempts to bind", "[.inside-ports]") {
    const std::uint16_t claimed = port_of("CLAIMED"), other = port_of("OTHER");
    const auto listening = port_of("LISTENING");
    attempt("claimed, as root", [&] { return on_loopback(AF_INET, SOCK_STREAM, claimed, ::bind); });
    attempt("claimed, IPv6, as root", [&] { return on_loopback(AF_INET6, SOCK_STREAM, claimed, ::bind); });
    attempt("other, as root", [&] { return on_loopback(AF_INET, SOCK_STREAM, other, ::bind); });
    attempt("other, IPv6, as root", [&] { return on_loopback(AF_INET6, SOCK_STREAM, other, ::bind); });
    attempt("the kernel's choice, as root", [] { return on_loopback(AF_INET, SOCK_STREAM, 0, ::bind); });
    attempt("UDP, as root", [&] { return on_loopback(AF_INET, SOCK_DGRAM, other, ::bind); });
    attempt("connect, as root", [&] { return on_loopback(AF_INET, SOCK_STREAM, listening, ::connect); });
    if (::setuid(1001) != 0)
        say("cannot become a user");
    attempt("claimed, as a user", [&] { return on_loopback(AF_INET, SOCK_STREAM, claimed, ::bind); });
    attempt("other, as a user", [&] { return on_loopback(AF_INET, SOCK_STREAM, other, ::bind); });
    attempt("connect, as a user", [&] { return on_loopback(AF_INET, SOCK_STREAM, listening, ::connect); });
}

TEST_CASE("taking more memory than there is", "[.inside-memory]") {
    constexpr std::size_t wanted = 256u << 20;
    auto* bytes = static_cast<char*>(
        ::mmap(nullptr, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (bytes == MAP_FAILED) {
        say("no map");
        return;
    }
    for (std::size_t i = 0; i < wanted; i += 4096)
        bytes[i] = 1;
    say("got it");
}

TEST_CASE("making more processes than allowed", "[.inside-forks]") {
    int made = 0;
    for (; made < 500; ++made) {
        const pid_t pid = ::fork();
        if (pid < 0)
            break;
        if (pid == 0) {
            ::pause();
            ::_exit(0);
        }
    }
    say("made " + std::to_string(made) + ", then " + ::strerrorname_np(errno));
}

#endif
